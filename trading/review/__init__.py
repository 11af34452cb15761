"""What an account has done, looked back upon: its orders, closed trades, months and figures. It only reads."""
