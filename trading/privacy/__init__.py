"""What the book of record keeps of people, and how it ends with them."""
