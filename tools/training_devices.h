/* The devices that a training runs on: options, opening them, and what each did. */
#ifndef TRAINING_DEVICES_H
#define TRAINING_DEVICES_H

#include "command.h"
#include "report.h"

typedef struct device_options {
    const char *shares; /* --shares A,B; NULL: by measured speed */
    bool sync_batch_norm;
    double seconds; /* --device-seconds S; 0: not given */
    bool split_layers;
    int64_t micro_batches;
    const char *split_at; /* --split-at LAYER,...; NULL: by measured times */
} device_options;

/* Their rows, where ARGUMENTS is the struct, with fields `const char *device` and `device_options devices`. */
#define OPTIONS_DEVICES(ARGUMENTS)                                                                                        \
    { "--device",                                                                                                         \
      OPTION_TEXT,                                                                                                        \
      offsetof(ARGUMENTS, device),                                                                                        \
      "D[,D...]",                                                                                                         \
      0,                                                                                                                  \
      "index, type (gpu, cpu, accelerator) or part of a name; several share each batch: \"0,1\", \"all\", \"0/2\" "       \
      "for the two halves of device 0; CLADE_DEVICE does the same" },                                                     \
        { "--shares", OPTION_TEXT, offsetof(ARGUMENTS, devices.shares),                                                   \
          "A,B,...",  0,           "how much of each batch the devices take, in proportion; default by measured speed" }, \
        { "--sync-batch-norm",                                                                                            \
          OPTION_FLAG,                                                                                                    \
          offsetof(ARGUMENTS, devices.sync_batch_norm),                                                                   \
          NULL,                                                                                                           \
          0,                                                                                                              \
          "batch norm's statistics over the samples of all devices" },                                                    \
        { "--split-layers",                                                                                               \
          OPTION_FLAG,                                                                                                    \
          offsetof(ARGUMENTS, devices.split_layers),                                                                      \
          NULL,                                                                                                           \
          0,                                                                                                              \
          "the devices share the network's layers, not the samples: for one too large for each" },                        \
        { "--micro-batches",                                                                                              \
          OPTION_INTEGER,                                                                                                 \
          offsetof(ARGUMENTS, devices.micro_batches),                                                                     \
          "M",                                                                                                            \
          1,                                                                                                              \
          "with --split-layers: in how many parts a batch goes through them; default as many as should be fastest" },     \
        { "--split-at",                                                                                                   \
          OPTION_TEXT,                                                                                                    \
          offsetof(ARGUMENTS, devices.split_at),                                                                          \
          "LAYER,...",                                                                                                    \
          0,                                                                                                              \
          "with --split-layers: the first layer of each device but the first; default by measured times" },               \
    {                                                                                                                     \
        "--device-seconds", OPTION_REAL, offsetof(ARGUMENTS, devices.seconds), "S", 0.001,                                \
            "a device that keeps the others waiting longer is dropped; default 120"                                       \
    }

/* The devices that were opened. */
typedef struct training_devices {
    clade_device *list[CLADE_MAX_TRAIN_DEVICES];
    size_t count;
    double shares[CLADE_MAX_TRAIN_DEVICES];
    bool shared;                                   /* whether SHARES were given */
    const char *split_at[CLADE_MAX_TRAIN_DEVICES]; /* in NAMES; of the first device NULL where none were given */
    char names[512];
} training_devices;

/* Opens COUNT devices, with at most MEMORY bytes to be used on each (0: any). Close them in any case. */
outcome training_devices_open_picks(const invocation *call, const clade_device_pick picks[], size_t count,
                                    const device_options *given, int64_t memory, training_devices *devices);
/* The same of what CHOICE means. */
outcome training_devices_open(const invocation *call, const char *choice, const device_options *given, int64_t memory,
                              training_devices *devices);
void training_devices_close(training_devices *devices);
/* Sets what OPTIONS say of devices. */
void training_devices_options(const training_devices *devices, const device_options *given,
                              clade_train_options *options);

/* What each did, where there were several: a table (false when it could not be printed), or "devices" in OBJECT of
 * REPORT. */
bool training_devices_print(const clade_train_result *result);
void training_devices_json(json *report, cJSON *object, const clade_train_result *result);

#endif
