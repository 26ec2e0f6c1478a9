/* A group: devices that take a step together and sum over all of them, whatever platforms they are of.
 *
 * Each member is driven by a host thread of its own. A reduction is a call of clade_group_sum() by every living member,
 * in the same order everywhere; each lays its floats in host memory, and all get the sums over the living members: added
 * in double in the members' order and rounded once, so that everybody has the same bits, whoever came first.
 *
 * A reduction either gives its sums to every member or fails for every member: once all have come, nothing ends it any
 * more. So members that stop at a failed reduction have all stopped at the same one.
 *
 * Every function may be called from any thread, except where it says otherwise. */
#ifndef CLADE_DEVICE_GROUP_H
#define CLADE_DEVICE_GROUP_H

#include "device/device.h"

typedef struct clade_group clade_group;

/* A group of COUNT members (at least 1), all living, none with a device yet. Free it after the devices have left and
 * while no member is inside a call. */
clade_status clade_group_new(clade_context *context, size_t count, clade_group **group);
void clade_group_free(clade_group *group); /* accepts NULL */

size_t clade_group_count(const clade_group *group);
size_t clade_group_living(clade_group *group);

/* Makes DEVICE member MEMBER of GROUP (device->group, device->member), or with NULL alone again. Between runs; plans that
 * were made before do not know of it, so sessions are made after it. */
clade_status clade_device_join(clade_device *device, clade_group *group, size_t member);

/* A member that keeps another waiting for more than SECONDS is taken as hung: that wait breaks the group, and
 * clade_group_lost() tells who did not come. 0: no limit, as at first. */
void clade_group_limit(clade_group *group, double seconds);
double clade_group_limit_of(clade_group *group);

/* What carries a sum further, to other machines: called with all of the members' sums side by side by one member, the first
 * that lives, while the others wait; it leaves the sums over all machines in DATA, and what it returns is what the reduction
 * comes to. NULL: nothing. Between runs. */
typedef clade_status clade_group_carry(void *user, float *data, size_t count);
void clade_group_outside(clade_group *group, clade_group_carry *carry, void *user);

typedef struct clade_group_array {
    float *data;
    size_t count; /* at least 1 */
} clade_group_array;

/* Replaces the COUNT arrays, of the same sizes everywhere, by the sums over the living members. Waits for all of them.
 * CLADE_ERROR_DEVICE when the group is broken, by then or before; the arrays are then as they were. LAST tells the
 * statistics that MEMBER's device has nothing else to do meanwhile. */
clade_status clade_group_sum(clade_group *group, size_t member, const clade_group_array arrays[], size_t count,
                             bool last);

/* Ends every wait with CLADE_ERROR_DEVICE, now and until clade_group_reset(), because MEMBER failed; the words of the
 * calling thread's latest failure are kept as the reason. A member that only stopped because the group was broken
 * changes nothing by it. */
void clade_group_break(clade_group *group, size_t member);
bool clade_group_broken(clade_group *group);
/* What a wait of MEMBER's for anything else comes to once the group is broken: CLADE_ERROR_DEVICE, the reason its words. */
clade_status clade_group_refuse(clade_group *group, size_t member);
/* How many members broke the group or did not come in time, with LOST[member] set for each (NULL: not told). */
size_t clade_group_lost(clade_group *group, bool lost[]);
/* Copies the reason of the break, one line, into TEXT of SIZE bytes; "" when the group is whole. */
void clade_group_reason(clade_group *group, char *text, size_t size);
/* Makes the group whole again with those members for whom ALIVE says so: when none is inside a call that needs the
 * group. CLADE_ERROR_ARGUMENT when nobody is alive. */
clade_status clade_group_reset(clade_group *group, const bool alive[]);

typedef struct clade_group_statistics {
    uint64_t reductions;
    uint64_t bytes; /* to the host and back */
    double waited;  /* seconds in clade_group_sum(): for the others, for the sums and for what carries them further */
    double exposed; /* those of them in which the device had nothing else to do */
} clade_group_statistics;
/* How many reductions gave MEMBER their sums since the group was made. */
uint64_t clade_group_sums(clade_group *group, size_t member);
/* Since the group was made, or since the last time that it was asked with RESTART. */
clade_group_statistics clade_group_measure(clade_group *group, size_t member, bool restart);

#endif
