"""The whole story played by made-up people."""
