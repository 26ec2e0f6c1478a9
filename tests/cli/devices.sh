#!/bin/sh
# The devices as text and JSON, the choice of one, and what is said when there is none.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works devices
shows '^. device 0: ' 'compute units' 'global memory' '^used: device [0-9]+ \(\*\), '
works devices --json
is_json devices index name platform global_memory used why

fails 1 'device "99" does not exist; the devices are 0: ' devices --device 99
fails 1 'fits none; the devices are 0: ' devices --device no-such-device
fails 1 'several devices at once .* are unsupported' devices --device 0,1
works devices --device 0
(export CLADE_DEVICE=no-such-device; fails 1 'fits none; the devices are' bench gemm 4 4 4)

mkdir none
(export OCL_ICD_VENDORS="$PWD/none/"; fails 1 'no OpenCL platform is installed; install' devices)
(export CLADE_OPENCL_LIBRARY="$PWD/none/libOpenCL.so"; fails 1 'OpenCL' devices)
(export OCL_ICD_VENDORS="$PWD/none/"; works summary mlp; works help)
