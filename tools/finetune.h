/* Finetuning from the command line: what a network begins with, and how fast the rest of it follows a new head. */
#ifndef FINETUNE_H
#define FINETUNE_H

#include "layer_rules.h"
#include "network.h"
#include "report.h"

typedef struct finetune_options {
    bool replace_head, fresh;
    const char *from; /* --from FILE; NULL: none */
    double rest;      /* --rest R; negative: not given */
} finetune_options;

/* Its rows, where ARGUMENTS is the struct, with a field `finetune_options finetune`. */
#define OPTIONS_FINETUNE(ARGUMENTS)                                                                                    \
    { "--from",                                                                                                        \
      OPTION_TEXT,                                                                                                     \
      offsetof(ARGUMENTS, finetune.from),                                                                              \
      "FILE",                                                                                                          \
      0,                                                                                                               \
      "begin with the weights of an .onnx or .safetensors file, a run's folder or a checkpoint, by name and size" },   \
        { "--replace-head",                                                                                            \
          OPTION_FLAG,                                                                                                 \
          offsetof(ARGUMENTS, finetune.replace_head),                                                                  \
          NULL,                                                                                                        \
          0,                                                                                                           \
          "a new last layer, for the data's classes" },                                                                \
        { "--rest", OPTION_REAL, offsetof(ARGUMENTS, finetune.rest),                                                   \
          "R",      0,           "times the rate for all but the new layer; 0 freezes; default 0.1" },                 \
    {                                                                                                                  \
        "--fresh", OPTION_FLAG, offsetof(ARGUMENTS, finetune.fresh), NULL, 0,                                          \
            "draw the weights anew, where MODEL is a file or a run: training from scratch"                             \
    }

/* What is wrong with the options together; NULL when nothing is. */
const char *finetune_fault(const finetune_options *given);

/* Suits NETWORK, opened with replace_head and fresh of GIVEN, to TRAINING, and takes the weights of --from; LOADING then
 * says which. DONE, or FAILED after a line. */
outcome finetune_prepare(const invocation *call, const finetune_options *given, clade_network *network,
                         const clade_dataset *training, clade_network_loading *loading);
/* Appends to RULES, which hold the user's: the new head at the full rate, the rest at --rest. False when there are more
 * than there is room for. */
bool finetune_rules(const finetune_options *given, const clade_network *network, layer_rules *rules);

/* Which arrays of --from were taken, and which not: lines for people, or "from" in OBJECT of REPORT. */
void finetune_print(const finetune_options *given, const clade_network *network, const clade_network_loading *loading);
void finetune_json(json *report, cJSON *object, const finetune_options *given, const clade_network *network,
                   const clade_network_loading *loading);

#endif
