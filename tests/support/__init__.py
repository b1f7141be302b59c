"""What tests share and no product code needs."""
