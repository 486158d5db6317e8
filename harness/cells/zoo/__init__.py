"""More cells, one file each, with the constructor and the call of `torch.nn.RNN`, on torch's operations."""
