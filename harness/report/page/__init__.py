"""The page of a results folder: one self-contained HTML file. Data, then frozen models, then a template."""

from harness.report.page.lookups import NO_LOOKUPS, Lookups
from harness.report.page.write import PAGE_FILE, PageData, write_page

__all__ = ["NO_LOOKUPS", "PAGE_FILE", "Lookups", "PageData", "write_page"]
