/* The meeting of a group's members: one reduction after another, each in three phases.
 *
 *     gathering   members come and show their data; the last one opens the sums
 *     summing     pieces of the sums are taken by whoever is there and has nothing to do, so that a thread that wakes
 *                 late holds nobody up; which thread adds a piece changes nothing in it
 *     done        the sums lie with every member; members leave, and the last one lets the next reduction gather
 *
 * A break ends gathering alone. */
#include "device/group.h"

#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 1 << 15, /* floats that a thread takes at a time */
    BLOCK = 512,     /* of these, summed together */
};

typedef enum phase { GATHERING, SUMMING, DONE } phase;

typedef struct group_member {
    bool alive, lost;
    bool here;    /* has shown its data to the reduction under way */
    bool joined;  /* has had a device */
    bool stopped; /* was told of the break: what fails next of its calls is no cause */
    const clade_group_array *arrays;
    uint64_t sums; /* reductions, since the group was made */
    clade_group_statistics statistics;
} group_member;

struct clade_group {
    clade_context *context;
    clade_mutex lock;
    clade_condition changed;
    /* Under the lock: */
    group_member *members;
    size_t count, living;
    double limit;
    bool broken;
    char reason[512];
    clade_group_carry *carry;
    void *user;
    /* The reduction under way: */
    phase phase;
    const clade_group_array *shape; /* the arrays of who came first */
    size_t arrays, came, left;      /* how many arrays; members that came, and that have gone again */
    size_t pieces, next, summed;    /* of all arrays; taken; done */
    clade_status result;
    float *packed; /* what is carried further, where it is more than one array */
    size_t packed_floats;
};

clade_status clade_group_new(clade_context *context, size_t count, clade_group **out) {
    *out = NULL;
    if (count == 0) return clade_fail(context, CLADE_ERROR_ARGUMENT, "a group of no devices");
    clade_group *group = clade_allocate(context, 1, sizeof *group);
    group_member *members = clade_allocate(context, count, sizeof *members);
    if (group == NULL || members == NULL) {
        clade_free(context, group);
        clade_free(context, members);
        return clade_fail_memory(context, count * sizeof *members, "a group of devices");
    }
    group->context = context;
    group->members = members;
    group->count = group->living = count;
    for (size_t i = 0; i < count; i++)
        members[i].alive = true;
    clade_mutex_init(&group->lock);
    clade_condition_init(&group->changed);
    *out = group;
    return CLADE_OK;
}

void clade_group_free(clade_group *group) {
    if (group == NULL) return;
    clade_context *context = group->context;
    clade_condition_destroy(&group->changed);
    clade_mutex_destroy(&group->lock);
    clade_free(context, group->members);
    clade_free(context, group->packed);
    clade_free(context, group);
}

size_t clade_group_count(const clade_group *group) {
    return group->count;
}

size_t clade_group_living(clade_group *group) {
    clade_mutex_lock(&group->lock);
    size_t living = group->living;
    clade_mutex_unlock(&group->lock);
    return living;
}

/* "M:N" in the environment variable NAME, for M equal to MEMBER: N. */
static bool asked_of(const char *name, size_t member, uint64_t *after) {
    const char *text = clade_environment(name);
    char *end = NULL;
    if (text == NULL || strtoull(text, &end, 10) != member || *end != ':') return false;
    *after = strtoull(end + 1, NULL, 10);
    return true;
}

/* Faults that tests ask for by the environment: once for each member of a group. */
static void set_faults(clade_device *device, clade_group *group, size_t member) {
    uint64_t after = 0;
    clade_mutex_lock(&group->lock);
    const bool again = group->members[member].joined;
    group->members[member].joined = true;
    clade_mutex_unlock(&group->lock);
    if (again) return;
    if (asked_of("CLADE_LOSE_MEMBER", member, &after)) clade_device_lose(device, after);
    if (asked_of("CLADE_HANG_MEMBER", member, &after)) clade_device_hang(device, after);
}

clade_status clade_device_join(clade_device *device, clade_group *group, size_t member) {
    if (group != NULL && member >= group->count)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "%s as member %zu of a group of %zu", device->name,
                          member, group->count);
    if (group != NULL) set_faults(device, group, member);
    device->group = group;
    device->member = group != NULL ? member : 0;
    return CLADE_OK;
}

void clade_group_limit(clade_group *group, double seconds) {
    clade_mutex_lock(&group->lock);
    group->limit = seconds;
    clade_mutex_unlock(&group->lock);
}

double clade_group_limit_of(clade_group *group) {
    clade_mutex_lock(&group->lock);
    double limit = group->limit;
    clade_mutex_unlock(&group->lock);
    return limit;
}

void clade_group_outside(clade_group *group, clade_group_carry *carry, void *user) {
    clade_mutex_lock(&group->lock);
    group->carry = carry;
    group->user = user;
    clade_mutex_unlock(&group->lock);
}

/* ---- breaking; the lock is held by the callers of what is static ---- */

static void break_up(clade_group *group, const char *reason) {
    group->broken = true;
    snprintf(group->reason, sizeof group->reason, "%s", reason);
    clade_condition_signal_all(&group->changed);
}

/* What a member's call comes to in a broken group. */
static clade_status refuse(clade_group *group, size_t member) {
    group->members[member].stopped = true;
    return clade_fail(group->context, CLADE_ERROR_DEVICE, "%s", group->reason);
}

/* Some have not come within the limit: they are lost. */
static void break_for_absence(clade_group *group) {
    char reason[sizeof group->reason];
    size_t absent = 0, first = 0;
    for (size_t i = group->count; i-- > 0;) {
        group_member *member = &group->members[i];
        if (!member->alive || member->here) continue;
        member->lost = true;
        absent++;
        first = i;
    }
    snprintf(reason, sizeof reason, "device %zu of the group%s did not answer within %g s", first,
             absent > 1 ? " and others" : "", group->limit);
    break_up(group, reason);
}

void clade_group_break(clade_group *group, size_t member) {
    clade_mutex_lock(&group->lock);
    if (member < group->count && !group->members[member].stopped) {
        group->members[member].lost = true;
        if (!group->broken) break_up(group, clade_error_here(group->context));
    }
    clade_mutex_unlock(&group->lock);
}

clade_status clade_group_refuse(clade_group *group, size_t member) {
    clade_mutex_lock(&group->lock);
    clade_status status = refuse(group, member);
    clade_mutex_unlock(&group->lock);
    return status;
}

bool clade_group_broken(clade_group *group) {
    clade_mutex_lock(&group->lock);
    bool broken = group->broken;
    clade_mutex_unlock(&group->lock);
    return broken;
}

size_t clade_group_lost(clade_group *group, bool lost[]) {
    size_t count = 0;
    clade_mutex_lock(&group->lock);
    for (size_t i = 0; i < group->count; i++) {
        count += group->members[i].lost;
        if (lost != NULL) lost[i] = group->members[i].lost;
    }
    clade_mutex_unlock(&group->lock);
    return count;
}

void clade_group_reason(clade_group *group, char *text, size_t size) {
    clade_mutex_lock(&group->lock);
    snprintf(text, size, "%s", group->reason);
    clade_mutex_unlock(&group->lock);
}

clade_status clade_group_reset(clade_group *group, const bool alive[]) {
    size_t living = 0;
    for (size_t i = 0; i < group->count; i++)
        living += alive[i];
    if (living == 0)
        return clade_fail(group->context, CLADE_ERROR_ARGUMENT, "a group of devices of which none is left");
    clade_mutex_lock(&group->lock);
    for (size_t i = 0; i < group->count; i++) {
        group_member *member = &group->members[i];
        member->alive = alive[i];
        member->lost = member->here = member->stopped = false;
    }
    group->living = living;
    group->broken = false;
    group->reason[0] = '\0';
    group->phase = GATHERING;
    group->came = group->left = 0;
    clade_mutex_unlock(&group->lock);
    return CLADE_OK;
}

/* ---- one reduction ---- */

static size_t pieces_of(const clade_group_array *array) {
    return (array->count + PIECE - 1) / PIECE;
}

/* Two floats' sum is rounded once as it is. */
static void add_two(float *restrict a, float *restrict b, size_t count) {
    for (size_t i = 0; i < count; i++)
        a[i] = b[i] = a[i] + b[i];
}

/* Adds COUNT floats from FROM on of array ARRAY of everybody who is here, in the members' order. */
static void add_many(const clade_group *group, size_t array, size_t from, size_t count) {
    double sums[BLOCK] = { 0 };
    for (size_t m = 0; m < group->count; m++) {
        const float *data = group->members[m].here ? group->members[m].arrays[array].data + from : NULL;
        for (size_t i = 0; data != NULL && i < count; i++)
            sums[i] += (double)data[i];
    }
    for (size_t m = 0; m < group->count; m++) {
        float *data = group->members[m].here ? group->members[m].arrays[array].data + from : NULL;
        for (size_t i = 0; data != NULL && i < count; i++)
            data[i] = (float)sums[i];
    }
}

/* Sums piece PIECE of the arrays and gives it to all members. */
static void sum_piece(const clade_group *group, size_t piece) {
    size_t array = 0, two[2] = { 0 }, here = 0;
    for (; piece >= pieces_of(&group->shape[array]); array++)
        piece -= pieces_of(&group->shape[array]);
    const size_t count = group->shape[array].count, begin = piece * PIECE;
    const size_t end = begin + PIECE < count ? begin + PIECE : count;
    for (size_t m = 0; m < group->count; m++)
        if (group->members[m].here && here++ < 2) two[here - 1] = m;
    if (here == 2) {
        add_two(group->members[two[0]].arrays[array].data + begin, group->members[two[1]].arrays[array].data + begin,
                end - begin);
        return;
    }
    for (size_t from = begin; here > 2 && from < end; from += BLOCK)
        add_many(group, array, from, end - from < BLOCK ? end - from : BLOCK);
}

static size_t first_here(const clade_group *group) {
    size_t first = 0;
    while (!group->members[first].here)
        first++;
    return first;
}

/* Takes pieces until there are none left, and waits for those that others took. The lock is held, but not meanwhile. */
static void help_summing(clade_group *group) {
    while (group->next < group->pieces) {
        size_t piece = group->next++;
        clade_mutex_unlock(&group->lock);
        sum_piece(group, piece);
        clade_mutex_lock(&group->lock);
        if (++group->summed == group->pieces) clade_condition_signal_all(&group->changed);
    }
    while (group->summed < group->pieces)
        clade_condition_wait(&group->changed, &group->lock);
}

/* Lays the arrays side by side, or takes them from there. */
static void copy_packed(clade_group *group, const clade_group_array *arrays, size_t count, bool back) {
    float *at = group->packed;
    for (size_t i = 0; i < count; at += arrays[i++].count)
        memcpy(back ? arrays[i].data : at, back ? at : arrays[i].data, arrays[i].count * sizeof *at);
}

/* Carries all arrays at once: each time that something is carried costs a round of messages. */
static clade_status carry_all(clade_group *group, const clade_group_array *arrays, size_t count) {
    size_t floats = 0;
    for (size_t i = 0; i < count; i++)
        floats += arrays[i].count;
    if (count == 1) return group->carry(group->user, arrays[0].data, floats);
    if (group->packed_floats < floats) {
        clade_free(group->context, group->packed);
        group->packed = clade_allocate(group->context, floats, sizeof *group->packed);
        group->packed_floats = group->packed != NULL ? floats : 0;
        if (group->packed == NULL)
            return clade_fail_memory(group->context, floats * sizeof *group->packed, "sums for other machines");
    }
    copy_packed(group, arrays, count, false);
    clade_status status = group->carry(group->user, group->packed, floats);
    if (status == CLADE_OK) copy_packed(group, arrays, count, true);
    return status;
}

/* The first member takes the sums further; the others wait, and copy what it brought back. */
static void carry_further(clade_group *group, size_t member) {
    const size_t first = first_here(group);
    const clade_group_array *from = group->members[first].arrays, *to = group->members[member].arrays;
    const size_t arrays = group->arrays;
    if (member == first) {
        clade_mutex_unlock(&group->lock);
        const clade_status result = carry_all(group, from, arrays);
        clade_mutex_lock(&group->lock);
        group->result = result;
        group->phase = DONE;
        clade_condition_signal_all(&group->changed);
        return;
    }
    while (group->phase != DONE)
        clade_condition_wait(&group->changed, &group->lock);
    clade_mutex_unlock(&group->lock);
    for (size_t i = 0; i < arrays; i++)
        memcpy(to[i].data, from[i].data, to[i].count * sizeof *to[i].data);
    clade_mutex_lock(&group->lock);
}

/* The last to leave lets the next reduction begin; where something was carried, all leave together, since the first's
 * data are read until then. */
static void leave(clade_group *group) {
    if (++group->left == group->came) {
        for (size_t i = 0; i < group->count; i++)
            group->members[i].here = false;
        group->phase = GATHERING;
        group->came = group->left = 0;
        clade_condition_signal_all(&group->changed);
    }
}

/* Whether ARRAYS are as many and as large as those of who came first. */
static bool alike(const clade_group *group, const clade_group_array arrays[], size_t count) {
    bool same = group->arrays == count;
    for (size_t i = 0; same && i < count; i++)
        same = group->shape[i].count == arrays[i].count;
    return same;
}

/* Opens the sums: everybody is here. */
static void begin_summing(clade_group *group) {
    group->phase = SUMMING;
    group->pieces = group->next = group->summed = 0;
    for (size_t i = 0; i < group->arrays; i++)
        group->pieces += pieces_of(&group->shape[i]);
    group->result = CLADE_OK;
    clade_condition_signal_all(&group->changed);
}

/* Shows ARRAYS and waits until all members have; the words of why not are set where it fails. */
static clade_status gather(clade_group *group, size_t member, const clade_group_array arrays[], size_t count) {
    group_member *own = &group->members[member];
    while (group->phase != GATHERING) /* the reduction before: everybody is on the way out */
        clade_condition_wait(&group->changed, &group->lock);
    if (group->broken) return refuse(group, member);
    if (!own->alive || own->here)
        return clade_fail(group->context, CLADE_ERROR_ARGUMENT, "member %zu of a group of devices is %s", member,
                          own->alive ? "reducing already" : "out of it");
    if (group->came > 0 && !alike(group, arrays, count)) {
        own->lost = true;
        break_up(group, "the devices of a group reduce arrays of different sizes");
        return refuse(group, member);
    }
    own->arrays = arrays;
    own->here = true;
    if (group->came == 0) {
        group->shape = arrays;
        group->arrays = count;
    }
    if (++group->came == group->living) {
        begin_summing(group);
        return CLADE_OK;
    }
    const double since = clade_clock_seconds();
    while (group->phase == GATHERING && !group->broken) {
        double rest = group->limit > 0 ? since + group->limit - clade_clock_seconds() : 3600;
        if (group->limit > 0 && rest <= 0)
            break_for_absence(group);
        else
            clade_condition_wait_for(&group->changed, &group->lock, rest);
    }
    if (group->phase != GATHERING) return CLADE_OK;
    own->here = false;
    group->came--;
    return refuse(group, member);
}

clade_status clade_group_sum(clade_group *group, size_t member, const clade_group_array arrays[], size_t count,
                             bool last) {
    const double start = clade_clock_seconds();
    size_t floats = 0;
    for (size_t i = 0; i < count; i++)
        floats += arrays[i].count;
    if (member >= group->count || floats == 0)
        return clade_fail(group->context, CLADE_ERROR_ARGUMENT, "a reduction of %zu floats by member %zu of %zu",
                          floats, member, group->count);
    clade_mutex_lock(&group->lock);
    clade_status status = gather(group, member, arrays, count);
    if (status == CLADE_OK) {
        help_summing(group);
        if (group->carry != NULL) carry_further(group, member);
        status = group->result;
        clade_group_statistics *own = &group->members[member].statistics;
        const double seconds = clade_clock_seconds() - start;
        own->reductions++;
        group->members[member].sums += status == CLADE_OK;
        own->bytes += 2 * floats * sizeof(float);
        own->waited += seconds;
        if (last) own->exposed += seconds;
        const bool together = group->carry != NULL;
        group->phase = DONE;
        leave(group);
        while (together && group->phase == DONE)
            clade_condition_wait(&group->changed, &group->lock);
    }
    clade_mutex_unlock(&group->lock);
    return status;
}

uint64_t clade_group_sums(clade_group *group, size_t member) {
    clade_mutex_lock(&group->lock);
    const uint64_t sums = group->members[member].sums;
    clade_mutex_unlock(&group->lock);
    return sums;
}

clade_group_statistics clade_group_measure(clade_group *group, size_t member, bool restart) {
    clade_mutex_lock(&group->lock);
    clade_group_statistics *own = &group->members[member].statistics;
    clade_group_statistics told = *own;
    if (restart) *own = (clade_group_statistics){ 0 };
    clade_mutex_unlock(&group->lock);
    return told;
}
