"""Files for GIS: the GeoPackage with its styles, the QGIS project, other formats."""
