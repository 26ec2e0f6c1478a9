/* What was fastest on devices that were measured. A list is the output of
 *     clade tune --export
 * on the device, after `clade tune` of the models and shapes that it is to serve. Times are in microseconds. What a list
 * names is verified on first use like any other candidate. */
#include "tune/shipped.h"

const clade_shipped_device clade_shipped_devices[] = {
    { .name = NULL },
};
