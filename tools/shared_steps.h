/* Steps that several devices take together, on drawn images: the split that their speeds suggest, how long each is at
 * work and waits, and what is moved. What `profile` and `devices --measure` show of several devices. */
#ifndef SHARED_STEPS_H
#define SHARED_STEPS_H

#include "training_devices.h"

/* Trains MODEL with batches of BATCH on the COUNT devices PICKS, as GIVEN says, for STEPS steps that are measured;
 * before them, where GIVEN has no shares, for as many as it takes to measure the devices' speeds, which decide the split. Where
 * the devices share the layers, the cut is found before the first step.
 * DONE, or how the subcommand ends. */
outcome shared_steps_measure(const invocation *call, const clade_device_pick picks[], size_t count,
                             const device_options *given, const clade_model *model, int64_t batch, int64_t steps,
                             clade_train_result *result);

/* RESULT as text, or into OBJECT of REPORT: model, batch, step_ms, images_per_second, devices. */
bool shared_steps_print(const clade_model *model, int64_t batch, const clade_train_result *result);
void shared_steps_json(json *report, cJSON *object, const clade_model *model, int64_t batch,
                       const clade_train_result *result);

#endif
