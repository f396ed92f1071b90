"""The finished plan written down: map, GeoPackage, workbook, report, result.json; and run folders read back."""
