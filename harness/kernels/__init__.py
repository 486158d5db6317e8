"""Compiled time loops for the stock cells. Imports Numba only when a fused cell is asked for."""

from harness.kernels.call import Flow
from harness.kernels.fused import KERNELS, FusedCell, choose_kernel, compile_loops, why_not_fused

__all__ = ["KERNELS", "Flow", "FusedCell", "choose_kernel", "compile_loops", "why_not_fused"]
