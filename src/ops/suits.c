/* What suits a device, where its kind is all that decides. */
#include "ops/op.h"

double clade_suits_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

double clade_suits_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

bool clade_may_turn(const clade_site *site, double turns) {
    return site->device->capabilities.is_cpu || turns <= 65535;
}
