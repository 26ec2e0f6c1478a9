#!/bin/sh
# The devices as text and JSON, the choice of one, and what is said when there is none.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

works devices
shows '^. device 0: ' 'compute units' 'global memory' '^used: device [0-9]+ \(\*\), '
works devices --json
is_json devices index name platform global_memory used why

fails 1 'device "99" does not exist; the devices are 0: ' devices --device 99
fails 1 'fits none; the devices are 0: ' devices --device no-such-device
works devices --device 0
fails 1 'in the list already' devices --device 0,0
fails 2 'unknown model "nope"' devices nope --measure
fails 2 'MODEL is for --measure' devices mlp

# Several, and parts of one: all that would be used, and how they would share a batch.
(
    export POCL_DEVICES="pthread pthread"
    works devices --device 0,1
    shows '^\* device 0: ' '^\* device 1: ' '^used: devices 0, 1 \(\*\), asked for as 0,1$'
    works devices --device 0,1 --json
    is_json used used_devices
    works devices --device 0,1 --measure --json
    shows '"split":\{"by":"gemm","devices":\[\{"device":"0","share":0\.[0-9]*,"gemm_gflops":' '\{"device":"1","share":'
    works devices mlp --device 0,1 --measure --batch 32
    shows '^mlp, a training step of 32 images on 2 devices: ' '^ *share  samples +at work +waiting +exposed +idle +moved  device'
)
(export CLADE_DEVICE=no-such-device; fails 1 'fits none; the devices are' bench gemm 4 4 4)

mkdir none
(export OCL_ICD_VENDORS="$PWD/none/"; fails 1 'no OpenCL platform is installed; install' devices)
(export CLADE_OPENCL_LIBRARY="$PWD/none/libOpenCL.so"; fails 1 'OpenCL' devices)
(export OCL_ICD_VENDORS="$PWD/none/"; works summary mlp; works help)
