/* The inside of a network (clade/network.h): network.c opens and describes, network_build.c makes the graph,
 * network_weights.c its weights, network_settings.c what a checkpoint keeps of it. */
#ifndef CLADE_TRAIN_NETWORK_H
#define CLADE_TRAIN_NETWORK_H

#include "base/text.h"
#include "clade/network.h"
#include "clade/onnx.h"
#include "train/checkpoint.h"

/* What the graph is built for. */
typedef struct clade_network_form {
    int64_t image[3]; /* channels, height, width */
    int64_t outputs;  /* classes, or numbers that are foretold */
    bool foretells;
    bool new_head; /* the last layer is not the model's or the file's */
} clade_network_form;

struct clade_network {
    clade_context *context;
    clade_network_options options;
    const clade_model *zoo; /* NULL: of an ONNX file */

    /* An ONNX file, and how its input is fed. */
    clade_onnx *onnx;
    char *file;   /* its path */
    char sum[65]; /* SHA-256 of its bytes */
    const clade_onnx_port *input;
    clade_value file_scores; /* in the import's graph */
    bool columns_last;       /* the input is (N, H, W, C) */
    bool flat;               /* the input is no picture: images of as many elements are taken */
    bool open; /* the file leaves sizes open that nobody has given: the form has 0 for them, no graph yet */

    clade_network_form form;
    clade_model model; /* as the form describes it; the texts are owned */
    char *name, *path; /* of the model or file; of the checkpoint, the file, or the model */
    int64_t step;
    char *classes; /* names, each ended by a zero; NULL: not known */
    int64_t class_count;

    clade_graph *graph;
    clade_value image, label;
    clade_model_values values;
    const char **head; /* the names of the new head's states, ended by NULL; owned, the names the graph's */
    size_t head_count;
    clade_weights *weights;                      /* what states begin with; never NULL after opening */
    const char **unused, **different, **missing; /* of the last loading: names of LOADED and of the graph; owned */
    clade_weights *loaded;
};

/* Whether PATH ends in END and is more than that. */
bool clade_path_ends_in(const char *path, const char *end);
/* Whether it says more than that samples are taken as they are. */
bool clade_network_is_scaled(const clade_input_scaling *scaling);
/* Sets the form of a model of the zoo to its own. */
void clade_network_take_form(clade_network *network);

/* ---- network_build.c ---- */

/* Reads the ONNX file at network->file, and settles the form that it has of its own; with options.image for what it leaves
 * open, else network->open says so. May be called again. */
clade_status clade_network_read_file(clade_network *network);
/* Makes the graph for network->form, in place of the one there (none of an open network), and describes the model. */
clade_status clade_network_build(clade_network *network);

/* ---- network_weights.c ---- */

/* Keeps of FROM (which may be network->weights) the arrays that are states of the graph, of the same sizes; without
 * HEAD those of the new head are left out, without DRAWN those that a fresh network draws. */
clade_status clade_network_keep(clade_network *network, const clade_weights *from, bool head, bool drawn);
/* The states of CHECKPOINT as weights. */
clade_status clade_checkpoint_weights(clade_context *context, const clade_checkpoint *checkpoint,
                                      clade_weights **weights);

/* ---- network_settings.c ---- */

/* The name of the copy of an ONNX file in a run's folder. */
#define CLADE_NETWORK_FILE "network.onnx"
/* Lines "name = value" for a checkpoint, from which clade_network_open_run() makes the network again; none for a model of
 * the zoo as it is. */
void clade_network_settings(const clade_network *network, clade_text *text);
/* Opens the network of the run at network->path (a folder or a checkpoint file), with its weights. */
clade_status clade_network_open_run(clade_network *network);

#endif
