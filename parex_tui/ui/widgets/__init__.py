"""What the screens are made of: widgets that paint lines."""
