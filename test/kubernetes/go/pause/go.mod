module pause-binary

go 1.24.0
