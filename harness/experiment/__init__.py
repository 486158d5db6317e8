"""From a Hydra config to finished runs. The only room that knows Hydra."""
