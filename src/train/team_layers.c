/* A team whose devices share the layers instead of the samples: one member, whose session is over all of them. */
#include "train/team_inside.h"

#include "exec/split.h"

#include <string.h>

_Static_assert((int)CLADE_MAX_TRAIN_DEVICES <= (int)CLADE_MAX_STAGES, "each device can have layers");

clade_device *clade_team_device(const clade_team *team, size_t i) {
    return team->options.devices[team->options.split_layers ? team->options.count - 1 : i];
}

clade_status clade_team_open_layers(clade_team *team, clade_session **session) {
    const clade_team_options *options = &team->options;
    const clade_split_options split = { .batch = options->only_rest ? options->rest : options->batch,
                                        .micro_batches = options->micro_batches,
                                        .at = options->split_at };
    return clade_session_new_split(options->devices, options->count, options->graph, options->seed, &split, session);
}

void clade_team_copy_name(char *text, size_t size, const char *name) {
    const size_t length = strlen(name);
    memset(text, 0, size);
    memcpy(text, name, length < size ? length : size - 1);
}

size_t clade_team_report_layers(const clade_team *team, clade_train_device devices[CLADE_MAX_TRAIN_DEVICES]) {
    const clade_session *session = team->members[0]->session;
    clade_split_report done;
    size_t count = 0;
    for (; session && clade_session_split_report(session, count, &done); count++) {
        clade_train_device *device = &devices[count];
        *device = (clade_train_device){ .samples = team->options.batch,
                                        .share = 1,
                                        .lost_at = -1,
                                        .bytes = done.bytes,
                                        .waited = done.waited,
                                        .steps = done.steps,
                                        .step_worked = done.step_worked,
                                        .step_waited = done.step_waited,
                                        .step_bytes = done.step_bytes,
                                        .layer_seconds = done.seconds,
                                        .layer_memory = done.memory };
        clade_team_copy_name(device->name, sizeof device->name, clade_device_name(team->options.devices[count]));
        clade_team_copy_name(device->first_layer, sizeof device->first_layer, done.first);
        clade_team_copy_name(device->last_layer, sizeof device->last_layer, done.last);
    }
    return count;
}
