"""Launchers of clusters: each run is a job of Slurm, or a task of Dask or Ray."""
