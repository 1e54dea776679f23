"""Code that the Office Open XML formats share: the package, charts, drawings."""
