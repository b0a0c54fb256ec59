"""Compliance monitoring: audits, findings and corrective actions."""
