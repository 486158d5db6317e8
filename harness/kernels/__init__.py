"""Compiled time loops for the stock cells. Numba is imported only when a fused cell is used."""

from harness.kernels.fused import KERNELS, FusedCell, choose_kernel, compile_loops, why_not_fused
from harness.kernels.layer_call import GradientFlow

__all__ = ["KERNELS", "FusedCell", "GradientFlow", "choose_kernel", "compile_loops", "why_not_fused"]
