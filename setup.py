"""Says where packaged data lies: prompts/ and reports/ in a checkout, inside bench in a wheel.

All else is in pyproject.toml, which cannot both find packages and add to them.
"""

from setuptools import find_packages, setup

SHIPPED = {
    "bench.shipped.prompts": "prompts",
    "bench.shipped.prompts.protocols": "prompts/protocols",
    "bench.shipped.reports": "reports",
    "bench.shipped.reports.calibration": "reports/calibration",
}

setup(
    packages=[*find_packages(include=["bench", "bench.*", "methods", "methods.*"]), *SHIPPED],
    package_dir=SHIPPED,
)
