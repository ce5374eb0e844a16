"""What paper 1 says, and what two finished runs of its experiments on a small model say."""
