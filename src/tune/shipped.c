/* Looking up what shipped_table.c holds. */
#include "tune/shipped.h"

#include <string.h>

static bool fits(const clade_shipped_device *entry, const clade_device *device) {
    const clade_capabilities *can = &device->capabilities;
    return entry->is_cpu == can->is_cpu && (entry->float_vector == 0 || entry->float_vector == can->float_vector) &&
           strstr(device->name, entry->name) != NULL && strstr(device->driver, entry->driver) != NULL;
}

const clade_shipped_choice *clade_shipped_find(const clade_device *device, const char *signature) {
    for (const clade_shipped_device *entry = clade_shipped_devices; entry->name != NULL; entry++) {
        if (!fits(entry, device)) continue;
        for (const clade_shipped_choice *choice = entry->choices; choice->signature != NULL; choice++)
            if (strcmp(choice->signature, signature) == 0) return choice;
    }
    return NULL;
}
