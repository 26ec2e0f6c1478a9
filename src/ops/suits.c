/* How well an implementation suits a device, where that is all that decides. */
#include "ops/op.h"

double clade_suits_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

double clade_suits_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}
