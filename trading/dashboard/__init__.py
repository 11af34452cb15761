"""The pages of paper trading. They only read: what a person does on one, its script asks of the API."""
