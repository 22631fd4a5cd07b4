"""Estimators: predicted bytes per pool and component, per engine. Pure."""
