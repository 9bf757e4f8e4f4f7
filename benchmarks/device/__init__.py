"""What a step costs on the device at hand."""
