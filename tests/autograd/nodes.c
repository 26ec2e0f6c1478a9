/* Runs single operators and their gradient graphs on the device and keeps the results as NPY files, for a comparison with
 * another framework's automatic differentiation (compare.py). Each line of the standard input is one operator:
 *
 *     OP KEY=NUMBER[,NUMBER...]... in=FILE.npy[,FILE.npy...] dy=FILE.npy[,FILE.npy...] out=PREFIX
 *
 * KEYs are attributes by the row's schema, those not given are zero; outputs=NUMBER belongs to a row whose number of
 * outputs is an attribute. in= are float32 or int32 arrays; dy=, one for each float output, is what comes back to it ("-"
 * for none). Written are PREFIX.y0.npy, ... and, for each float input that the outputs depend on, PREFIX.dx0.npy, ... A
 * line that cannot be carried out is reported on the standard error and the next one follows. With the argument --list it
 * prints the names of the rows that have a gradient instead. */
#include "clade/clade.h"

#include "exec/session.h"
#include "formats/npy.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 64, LONGEST_LINE = 1 << 16 };

/* One line of the input, cut into words, and what was made of it. */
typedef struct task {
    clade_context *context;
    const clade_op *op;
    char *words[MOST_WORDS];
    int word_count;
    clade_npy in[CLADE_MAX_INPUTS], dy[CLADE_MAX_OUTPUTS];
    int in_count, dy_count;
    const char *prefix;
    void *attributes;
} task;

static clade_status wrong(task *t, const char *what, const char *word) {
    return clade_fail(t->context, CLADE_ERROR_INPUT, "%s: %s: %s", t->words[0], what, word);
}

/* ---- reading a line ---- */

/* The arrays of a list of files: ARRAYS[i] stays zeroed for "-". */
static clade_status read_arrays(task *t, char *list, clade_npy *arrays, int most, int *count) {
    char *rest = NULL;
    for (char *path = strtok_r(list, ",", &rest); path != NULL; path = strtok_r(NULL, ",", &rest)) {
        if (*count == most) return wrong(t, "too many arrays", path);
        clade_npy *array = &arrays[(*count)++];
        if (strcmp(path, "-") == 0) continue;
        clade_status status = clade_npy_read(t->context, path, array);
        if (status != CLADE_OK) return status;
        if (array->type != CLADE_NPY_F32 && array->type != CLADE_NPY_I32)
            return wrong(t, "neither float32 nor int32", path);
    }
    return CLADE_OK;
}

static clade_status set_number(task *t, const clade_attribute *schema, int index, const char *text) {
    char *place = (char *)t->attributes + schema->offset;
    switch (schema->kind) {
    case CLADE_ATTRIBUTE_INT:
    case CLADE_ATTRIBUTE_SIZE:
        ((int64_t *)(void *)place)[index] = strtoll(text, NULL, 10);
        return CLADE_OK;
    case CLADE_ATTRIBUTE_DOUBLE:
        ((double *)(void *)place)[index] = strtod(text, NULL);
        return CLADE_OK;
    case CLADE_ATTRIBUTE_BOOL:
        ((bool *)(void *)place)[index] = atoi(text) != 0;
        return CLADE_OK;
    case CLADE_ATTRIBUTE_DIMS: {
        clade_dims *dims = (clade_dims *)(void *)place;
        if (index >= CLADE_MAX_RANK) return wrong(t, "too many sizes", schema->name);
        dims->size[index] = strtoll(text, NULL, 10);
        dims->rank = index + 1;
        return CLADE_OK;
    }
    case CLADE_ATTRIBUTE_TEXT:
        break;
    }
    return wrong(t, "cannot be given as numbers", schema->name);
}

static clade_status set_attribute(task *t, const char *key, char *list) {
    if (t->op->outputs == 0 && strcmp(key, "outputs") == 0) {
        *(int32_t *)t->attributes = (int32_t)strtol(list, NULL, 10); /* first in such a row's struct */
        return CLADE_OK;
    }
    const clade_attribute *schema = t->op->attributes;
    while (schema != NULL && schema->name != NULL && strcmp(schema->name, key) != 0)
        schema++;
    if (schema == NULL || schema->name == NULL) return wrong(t, "no such attribute", key);
    const int most = schema->kind == CLADE_ATTRIBUTE_DIMS ? CLADE_MAX_RANK : schema->count > 0 ? schema->count : 1;
    int index = 0;
    char *rest = NULL;
    for (char *text = strtok_r(list, ",", &rest); text != NULL; text = strtok_r(NULL, ",", &rest)) {
        if (index == most) return wrong(t, "too many numbers", key);
        clade_status status = set_number(t, schema, index++, text);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

static clade_status read_word(task *t, char *word) {
    char *equals = strchr(word, '=');
    if (equals == NULL) return wrong(t, "not KEY=VALUE", word);
    *equals = '\0';
    char *value = equals + 1;
    if (strcmp(word, "in") == 0) return read_arrays(t, value, t->in, CLADE_MAX_INPUTS, &t->in_count);
    if (strcmp(word, "dy") == 0) return read_arrays(t, value, t->dy, CLADE_MAX_OUTPUTS, &t->dy_count);
    if (strcmp(word, "out") == 0) {
        t->prefix = value;
        return CLADE_OK;
    }
    return set_attribute(t, word, value);
}

static clade_status read_line(task *t, char *line) {
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && t->word_count < MOST_WORDS;
         word = strtok_r(NULL, " \n", &rest))
        t->words[t->word_count++] = word;
    if (t->word_count == 0) return CLADE_OK;
    t->op = clade_op_find(t->words[0]);
    if (t->op == NULL) return wrong(t, "no such operator", t->words[0]);
    t->attributes = calloc(1, t->op->attributes_size + 1);
    if (t->attributes == NULL) return clade_fail_memory(t->context, t->op->attributes_size, "attributes");
    clade_status status = CLADE_OK;
    for (int i = 1; i < t->word_count && status == CLADE_OK; i++)
        status = read_word(t, t->words[i]);
    if (status == CLADE_OK && t->prefix == NULL) status = wrong(t, "nowhere to write", "out= is missing");
    return status;
}

static void forget(task *t) {
    for (int i = 0; i < CLADE_MAX_INPUTS; i++)
        clade_npy_free(t->context, &t->in[i]);
    for (int i = 0; i < CLADE_MAX_OUTPUTS; i++)
        clade_npy_free(t->context, &t->dy[i]);
    free(t->attributes);
}

/* ---- running it ---- */

static clade_value input_for(clade_graph *graph, const char *prefix, int index, const clade_npy *array) {
    char name[24];
    clade_dims dims = { .rank = array->rank };
    for (int i = 0; i < array->rank; i++)
        dims.size[i] = array->sizes[i];
    snprintf(name, sizeof name, "%s%d", prefix, index);
    return clade_input(graph, name, array->type == CLADE_NPY_I32 ? CLADE_I32 : CLADE_F32, dims);
}

/* The operator's node over inputs, the loss sum(y dy) over its outputs, and what is fed and fetched. */
typedef struct network {
    clade_graph *graph;
    clade_value in[CLADE_MAX_INPUTS], out[CLADE_MAX_OUTPUTS], gradients[CLADE_MAX_INPUTS], loss;
    int out_count;
    clade_binding_array feeds[CLADE_MAX_INPUTS + CLADE_MAX_OUTPUTS];
    size_t feed_count;
} network;

static void feed(network *n, clade_value value, const clade_npy *array) {
    n->feeds[n->feed_count++] = (clade_binding_array){ value, array->values, array->count };
}

static void add_to_loss(network *n, clade_value y, clade_value dy) {
    clade_value product = clade_multiply(y, dy);
    if (clade_value_dims(y).rank > 0) product = clade_sum(product, CLADE_ALL_AXES, false);
    n->loss = clade_value_valid(n->loss) ? clade_add(n->loss, product) : product;
}

static clade_status build(const task *t, network *n) {
    clade_value with[CLADE_MAX_INPUTS], gradients[CLADE_MAX_INPUTS];
    int place[CLADE_MAX_INPUTS], count = 0;
    for (int i = 0; i < t->in_count; i++) {
        if (t->in[i].values == NULL) continue;
        n->in[i] = input_for(n->graph, "in", i, &t->in[i]);
        feed(n, n->in[i], &t->in[i]);
        if (t->in[i].type != CLADE_NPY_F32) continue;
        place[count] = i;
        with[count++] = n->in[i];
    }
    n->out[0] = clade_append(n->graph, t->op, "", t->attributes, n->in, (uint32_t)t->in_count);
    if (!clade_value_valid(n->out[0])) return clade_graph_status(n->graph);
    n->out_count = (int)clade_value_node(n->out[0])->output_count;
    for (int i = 0; i < n->out_count; i++) {
        n->out[i] = clade_output(n->out[0], (uint32_t)i);
        if (i >= t->dy_count || t->dy[i].values == NULL) continue;
        clade_value dy = input_for(n->graph, "dy", i, &t->dy[i]);
        feed(n, dy, &t->dy[i]);
        add_to_loss(n, n->out[i], dy);
    }
    clade_status status = clade_graph_status(n->graph);
    if (status != CLADE_OK || !clade_value_valid(n->loss)) return status;
    status = clade_gradient(n->loss, CLADE_NO_VALUE, with, (size_t)count, gradients);
    for (int i = 0; i < count && status == CLADE_OK; i++)
        n->gradients[place[i]] = gradients[i];
    return status;
}

static clade_status fetch_and_write(const task *t, clade_session *session, const network *n, clade_value value,
                                    const char *what, int index) {
    clade_npy array = { .type = clade_value_dtype(value) == CLADE_I32 ? CLADE_NPY_I32 : CLADE_NPY_F32 };
    clade_dims dims = clade_value_dims(value);
    array.rank = dims.rank;
    array.count = clade_dims_value(n->graph, &dims, (clade_binding){ 1, 1 }, array.sizes);
    array.values = calloc((size_t)array.count + 1, 4);
    if (array.values == NULL) return clade_fail_memory(t->context, (size_t)array.count * 4, "a result");
    const clade_binding_array fetch = { value, array.values, array.count };
    clade_status status = clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                           .batch = 1,
                                                                           .time = 1,
                                                                           .feeds = n->feeds,
                                                                           .feed_count = n->feed_count,
                                                                           .fetches = &fetch,
                                                                           .fetch_count = 1 });
    char path[4096];
    snprintf(path, sizeof path, "%s.%s%d.npy", t->prefix, what, index);
    if (status == CLADE_OK) status = clade_npy_write(t->context, path, &array);
    free(array.values);
    return status;
}

static clade_status run(const task *t, clade_device *device) {
    network n = { .graph = clade_graph_new(t->context) };
    clade_session *session = NULL;
    if (n.graph == NULL) return clade_fail_memory(t->context, sizeof n, "a graph");
    clade_status status = build(t, &n);
    if (status == CLADE_OK) status = clade_session_new(device, n.graph, 0, &session);
    for (int i = 0; i < n.out_count && status == CLADE_OK; i++)
        status = fetch_and_write(t, session, &n, n.out[i], "y", i);
    for (int i = 0; i < t->in_count && status == CLADE_OK; i++) {
        if (clade_value_valid(n.gradients[i])) status = fetch_and_write(t, session, &n, n.gradients[i], "dx", i);
    }
    clade_session_free(session);
    clade_graph_free(n.graph);
    return status;
}

static int list_rows(void) {
    for (const clade_op *const *row = clade_op_table; *row != NULL; row++) {
        if ((*row)->gradient != NULL) puts((*row)->name);
    }
    return 0;
}

int main(int argc, char **argv) {
    static char line[LONGEST_LINE];
    if (argc > 1 && strcmp(argv[1], "--list") == 0) return list_rows();
    clade_context *context = clade_context_new(NULL);
    clade_device *device = NULL;
    size_t index = 0;
    clade_status status = context == NULL ? CLADE_ERROR_MEMORY : clade_device_choose(context, NULL, &index, NULL);
    if (status == CLADE_OK) status = clade_device_open(context, index, &device);
    bool all_ran = true;
    while (status == CLADE_OK && fgets(line, sizeof line, stdin) != NULL) {
        task t = { .context = context };
        clade_status of_line = read_line(&t, line);
        if (of_line == CLADE_OK && t.op != NULL) of_line = run(&t, device);
        if (of_line != CLADE_OK) fprintf(stderr, "%s\n", clade_error(context));
        all_ran = all_ran && of_line == CLADE_OK;
        forget(&t);
    }
    if (status != CLADE_OK) fprintf(stderr, "%s\n", context != NULL ? clade_error(context) : "no memory");
    clade_device_close(device);
    clade_context_free(context);
    return status == CLADE_OK && all_ran ? 0 : 1;
}
