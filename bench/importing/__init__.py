"""The import bench's parts: the workbook of a fleet, and what is wrong in it."""
