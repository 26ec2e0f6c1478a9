/* The choices that Clade comes with, for devices that were measured. */
#ifndef CLADE_TUNE_SHIPPED_H
#define CLADE_TUNE_SHIPPED_H

#include "device/device.h"

typedef struct clade_shipped_choice {
    const char *signature, *candidate; /* a NULL signature ends a list */
    double microseconds;
} clade_shipped_choice;

/* The devices that a list is for: those of this type and vector width whose name and driver hold these texts. */
typedef struct clade_shipped_device {
    bool is_cpu;
    unsigned float_vector; /* 0: any */
    const char *name, *driver;
    const clade_shipped_choice *choices;
} clade_shipped_device;

extern const clade_shipped_device clade_shipped_devices[]; /* ended by a NULL name */

/* The choice for a site of SIGNATURE on DEVICE; NULL when there is none. */
const clade_shipped_choice *clade_shipped_find(const clade_device *device, const char *signature);

#endif
