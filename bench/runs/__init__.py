"""From a spec to a record: plan, erase, draw, measure, score; attacks, contract, calibration."""
