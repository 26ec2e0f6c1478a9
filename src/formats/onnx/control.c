/* ONNX's If, Loop and Scan: subgraphs translated in place, a loop's once for each step. What decides, the condition and the
 * number of steps, must follow from constants; an If may also compute both branches and choose. */
#include "formats/onnx/state.h"

#include <string.h>

#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64
#define BOOL ONNX__TENSOR_PROTO__DATA_TYPE__BOOL

enum { MOST_STEPS = 4096, MOST_VALUES = 32, MOST_INLINED = 1 << 18 };

/* ---- a subgraph in place ---- */

/* Forgets what SUBGRAPH's names stood for, so that it can be translated again. */
static void forget_names(clade_onnx_import *import, const Onnx__GraphProto *subgraph) {
    for (size_t i = 0; i < subgraph->n_initializer; i++) {
        const char *name = subgraph->initializer[i]->name;
        clade_onnx_value *value = name != NULL ? clade_onnx_named(import, name, false) : NULL;
        if (value != NULL) value->type = 0;
    }
    for (size_t i = 0; i < subgraph->n_input; i++) {
        clade_onnx_value *value = clade_onnx_named(import, subgraph->input[i]->name, false);
        if (value != NULL) value->type = 0;
    }
    for (size_t i = 0; i < subgraph->n_node; i++) {
        for (size_t k = 0; k < subgraph->node[i]->n_output; k++) {
            clade_onnx_value *value = clade_onnx_named(import, subgraph->node[i]->output[k], false);
            if (value != NULL) value->type = 0;
        }
    }
}

static bool name_input(clade_onnx_node *node, const char *name, const clade_onnx_value *argument) {
    clade_onnx_value *value = name != NULL ? clade_onnx_named(node->import, name, true) : NULL;
    if (value == NULL || value->type != 0)
        return clade_onnx_refuse(node, "its subgraph's input \"%s\" has no name of its own", name != NULL ? name : "");
    const char *kept = value->name;
    *value = *argument;
    value->name = kept;
    return true;
}

static clade_status translate_nodes(clade_onnx_import *import, const Onnx__GraphProto *subgraph) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < subgraph->n_initializer && status == CLADE_OK; i++)
        status = clade_onnx_add_initializer(import, subgraph->initializer[i]);
    for (size_t i = 0; i < subgraph->n_node && status == CLADE_OK; i++)
        status = clade_onnx_add_node(import, subgraph->node[i]);
    return status;
}

bool clade_onnx_may_write_out(clade_onnx_node *node, size_t count) {
    node->import->inlined += count;
    return node->import->inlined <= MOST_INLINED ||
           clade_onnx_refuse(node, "more than %d nodes in loops", MOST_INLINED);
}

bool clade_onnx_inline(clade_onnx_node *node, const Onnx__GraphProto *subgraph, const clade_onnx_value *arguments,
                       size_t argument_count, clade_onnx_value *results, size_t count) {
    clade_onnx_import *import = node->import;
    const char *op = import->op, *name = import->node;
    const clade_onnx_translator *row = import->row;
    if (subgraph == NULL || subgraph->n_input > argument_count || subgraph->n_output != count)
        return clade_onnx_refuse(node, "its subgraph's inputs or outputs do not fit");
    if (import->depth == CLADE_ONNX_DEEPEST)
        return clade_onnx_refuse(node, "subgraphs more than %d deep", CLADE_ONNX_DEEPEST);
    if (!clade_onnx_may_write_out(node, subgraph->n_node + 1)) return false; /* loops in loops multiply */
    for (size_t i = 0; i < subgraph->n_input; i++)
        if (!name_input(node, subgraph->input[i]->name, &arguments[i])) return false;
    import->depth++;
    const clade_status status = translate_nodes(import, subgraph);
    import->depth--;
    import->op = op;
    import->node = name;
    import->row = row;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const clade_onnx_value *made =
            subgraph->output[i]->name != NULL ? clade_onnx_named(import, subgraph->output[i]->name, false) : NULL;
        if (made == NULL || made->type == 0)
            return clade_onnx_refuse(node, "an output of its subgraph is made by no node");
        results[i] = *made;
        results[i].value =
            made->tensor != NULL && made->tensor->count == 0 ? CLADE_NO_VALUE : clade_onnx_lower(import, &results[i]);
    }
    forget_names(import, subgraph);
    if (status != CLADE_OK) import->refused = true; /* the words are in the context */
    return status == CLADE_OK;
}

/* ---- shared ---- */

static const Onnx__GraphProto *subgraph_of(const clade_onnx_node *node, const char *name) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, name);
    return attribute != NULL ? attribute->g : NULL;
}

/* VALUE as one number; false when it does not follow from constants. */
static bool known_number(clade_onnx_import *import, const clade_onnx_value *value, double *number) {
    if (value->tensor != NULL && value->tensor->count == 1) {
        *number = value->tensor->real != NULL ? value->tensor->real[0] : (double)value->tensor->whole[0];
        return true;
    }
    const clade_tensor *tensor = value->tensor == NULL ? clade_onnx_evaluate(import, value->value, NULL) : NULL;
    if (tensor == NULL || tensor->count != 1) return false;
    *number = tensor->data[0];
    return true;
}

static void give_all(clade_onnx_node *node, const clade_onnx_value *results, int from, size_t count) {
    for (size_t i = 0; i < count && from + (int)i < node->out_count; i++)
        node->out[from + (int)i] = results[i];
}

/* Arrays of one shape, COUNT of them, along a new axis. */
typedef struct stack {
    clade_value *parts;
    int64_t count;
    int type;
} stack;

static bool push(clade_onnx_node *node, stack *s, const clade_onnx_value *part) {
    if (s->count == MOST_STEPS || !clade_value_valid(part->value))
        return clade_onnx_refuse(node, "it stacks empty arrays");
    s->parts[s->count++] = part->value;
    s->type = part->type;
    return true;
}

static clade_value join(stack *s, int axis, bool backwards) {
    for (int64_t i = 0; i < s->count; i++)
        s->parts[i] = clade_unsqueeze(s->parts[i], axis);
    for (int64_t i = 0; backwards && i < s->count / 2; i++) {
        const clade_value part = s->parts[i];
        s->parts[i] = s->parts[s->count - 1 - i];
        s->parts[s->count - 1 - i] = part;
    }
    return clade_onnx_join(axis, s->parts, s->count);
}

static stack *stacks_new(clade_onnx_node *node, int count) {
    stack *stacks = clade_allocate(node->graph->context, (size_t)count + 1, sizeof *stacks);
    bool good = stacks != NULL;
    for (int i = 0; i < count && good; i++)
        good = (stacks[i].parts = clade_allocate(node->graph->context, MOST_STEPS, sizeof(clade_value))) != NULL;
    if (!good) clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a loop's outputs");
    return stacks;
}

static void stacks_free(clade_onnx_node *node, stack *stacks, int count) {
    for (int i = 0; i < count && stacks != NULL; i++)
        clade_free(node->graph->context, stacks[i].parts);
    clade_free(node->graph->context, stacks);
}

/* Input INDEX as it is, in the graph. */
static clade_onnx_value argument_of(clade_onnx_node *node, int index) {
    clade_onnx_value value = *node->in[index];
    if (value.tensor == NULL || value.tensor->count > 0) value.value = clade_onnx_in(node, index);
    return value;
}

static bool read_arguments(clade_onnx_node *node, int first, clade_onnx_value *arguments, int *count) {
    *count = node->in_count - first;
    if (*count > MOST_VALUES - 2) return clade_onnx_refuse(node, "%d inputs", node->in_count);
    for (int i = 0; i < *count; i++) {
        if (!clade_onnx_has(node, first + i)) return clade_onnx_refuse(node, "input %d is missing", first + i);
        arguments[i] = argument_of(node, first + i);
    }
    return true;
}

static clade_onnx_value number_value(clade_onnx_node *node, int type, double number) {
    return (clade_onnx_value){ .type = type, .value = clade_onnx_scalar(node, type, number), .name = "" };
}

/* ---- If ---- */

/* Both branches, of which a condition that is computed chooses. */
static bool choose(clade_onnx_node *node, const clade_onnx_value *yes, const clade_onnx_value *no, size_t count) {
    const clade_value condition = clade_reshape(clade_onnx_in(node, 0), CLADE_SCALAR);
    for (size_t i = 0; i < count; i++) {
        const clade_dims left = clade_value_dims(yes[i].value), right = clade_value_dims(no[i].value);
        if (!clade_dims_equal(&left, &right) || !clade_value_valid(yes[i].value) || !clade_value_valid(no[i].value))
            return clade_onnx_refuse(node, "its condition is computed and its branches' shapes differ");
        clade_onnx_out(node, (int)i, clade_where(condition, yes[i].value, no[i].value), yes[i].type);
    }
    return true;
}

static bool translate_if(clade_onnx_node *node) {
    clade_onnx_value yes[CLADE_ONNX_MOST_OUTPUTS], no[CLADE_ONNX_MOST_OUTPUTS];
    const size_t count = (size_t)node->out_count;
    double condition;
    if (!clade_onnx_has(node, 0)) return clade_onnx_refuse(node, "input 0 is missing");
    const bool known = known_number(node->import, node->in[0], &condition);
    if ((!known || condition != 0) && !clade_onnx_inline(node, subgraph_of(node, "then_branch"), NULL, 0, yes, count))
        return false;
    if ((!known || condition == 0) && !clade_onnx_inline(node, subgraph_of(node, "else_branch"), NULL, 0, no, count))
        return false;
    if (!known) return choose(node, yes, no, count);
    give_all(node, condition != 0 ? yes : no, 0, count);
    return true;
}

/* ---- Loop: body (step, condition, carried...) -> (condition, carried..., stacked...) ---- */

static bool run_loop(clade_onnx_node *node, const Onnx__GraphProto *body, clade_onnx_value *arguments, int carried,
                     stack *stacks) {
    const int stacked = node->out_count - carried;
    clade_onnx_value results[MOST_VALUES];
    double steps = MOST_STEPS + 1, condition = 1;
    if (clade_onnx_has(node, 0) && !known_number(node->import, node->in[0], &steps))
        return clade_onnx_refuse(node, "its number of steps is computed from the network's inputs");
    if (clade_onnx_has(node, 1) && !known_number(node->import, node->in[1], &condition))
        return clade_onnx_refuse(node, "its condition is computed from the network's inputs");
    for (int64_t step = 0; (double)step < steps && condition != 0; step++) {
        if (step == MOST_STEPS) return clade_onnx_refuse(node, "more than %d steps", MOST_STEPS);
        arguments[0] = number_value(node, INT64, (double)step);
        arguments[1] = number_value(node, BOOL, 1);
        if (!clade_onnx_inline(node, body, arguments, (size_t)carried + 2, results, (size_t)(1 + carried + stacked)))
            return false;
        if (!known_number(node->import, &results[0], &condition))
            return clade_onnx_refuse(node, "its condition is computed from the network's inputs");
        memcpy(arguments + 2, results + 1, (size_t)carried * sizeof *arguments);
        for (int i = 0; i < stacked; i++)
            if (!push(node, &stacks[i], &results[1 + carried + i])) return false;
    }
    return true;
}

static bool translate_loop(clade_onnx_node *node) {
    clade_onnx_value arguments[MOST_VALUES];
    int carried;
    if (!read_arguments(node, 2, arguments + 2, &carried)) return false;
    const int stacked = node->out_count - carried;
    if (stacked < 0) return clade_onnx_refuse(node, "%d outputs for %d carried values", node->out_count, carried);
    stack *stacks = stacks_new(node, stacked);
    bool good = stacks != NULL && run_loop(node, subgraph_of(node, "body"), arguments, carried, stacks);
    for (int i = 0; i < stacked && good; i++) {
        if (stacks[i].count == 0) good = clade_onnx_refuse(node, "no step, and so outputs of no known shape");
        if (good) clade_onnx_out(node, carried + i, join(&stacks[i], 0, false), stacks[i].type);
    }
    if (good) give_all(node, arguments + 2, 0, (size_t)carried);
    stacks_free(node, stacks, stacked);
    return good;
}

/* ---- Scan: body (carried..., elements...) -> (carried..., stacked...) ---- */

typedef struct scan {
    int carried, elements, stacked;
    int64_t in_axis[MOST_VALUES], in_backwards[MOST_VALUES], out_axis[MOST_VALUES], out_backwards[MOST_VALUES];
    int64_t steps;
} scan;

static bool read_scan(clade_onnx_node *node, const clade_onnx_value *arguments, int count, scan *s) {
    *s = (scan){ .elements = (int)clade_onnx_int(node, "num_scan_inputs", 0), .steps = -1 };
    if (s->elements < 1 || s->elements > count) return clade_onnx_refuse(node, "%d scanned inputs", s->elements);
    s->carried = count - s->elements;
    s->stacked = node->out_count - s->carried;
    if (s->stacked < 0) return clade_onnx_refuse(node, "%d outputs for %d carried values", node->out_count, s->carried);
    if (clade_onnx_ints(node, "directions", s->in_backwards, MOST_VALUES) < 0 ||
        clade_onnx_ints(node, "scan_input_axes", s->in_axis, MOST_VALUES) < 0 ||
        clade_onnx_ints(node, "scan_input_directions", s->in_backwards, MOST_VALUES) < 0 ||
        clade_onnx_ints(node, "scan_output_axes", s->out_axis, MOST_VALUES) < 0 ||
        clade_onnx_ints(node, "scan_output_directions", s->out_backwards, MOST_VALUES) < 0)
        return false;
    for (int i = 0; i < s->elements; i++) {
        const clade_dims dims = clade_value_dims(arguments[s->carried + i].value);
        int axis;
        if (!clade_onnx_axis(node, s->in_axis[i], dims.rank, &axis)) return false;
        s->in_axis[i] = axis;
        if (s->steps >= 0 && dims.size[axis] != s->steps)
            return clade_onnx_refuse(node, "scanned axes of several sizes");
        s->steps = dims.size[axis];
    }
    if (s->steps < 1 || s->steps > MOST_STEPS) return clade_onnx_refuse(node, "over an open or too long axis");
    return true;
}

static clade_value element(const scan *s, clade_value x, int i, int64_t step) {
    const int axis = (int)s->in_axis[i];
    const int64_t at = s->in_backwards[i] != 0 ? s->steps - 1 - step : step;
    clade_slice_options cut = { .size = sizeof cut, .x = x };
    cut.begin[axis] = at;
    cut.end[axis] = at + 1 == s->steps ? 0 : at + 1;
    return clade_squeeze(clade_slice_with(&cut), 1u << axis);
}

static bool run_scan(clade_onnx_node *node, const scan *s, clade_onnx_value *arguments, stack *stacks) {
    clade_onnx_value results[MOST_VALUES], whole[MOST_VALUES];
    const Onnx__GraphProto *body = subgraph_of(node, "body");
    const size_t in_count = (size_t)(s->carried + s->elements), out_count = (size_t)(s->carried + s->stacked);
    memcpy(whole, arguments + s->carried, (size_t)s->elements * sizeof *whole);
    for (int64_t step = 0; step < s->steps; step++) {
        for (int i = 0; i < s->elements; i++)
            arguments[s->carried + i] =
                (clade_onnx_value){ .type = whole[i].type, .value = element(s, whole[i].value, i, step), .name = "" };
        if (!clade_onnx_inline(node, body, arguments, in_count, results, out_count)) return false;
        memcpy(arguments, results, (size_t)s->carried * sizeof *arguments);
        for (int i = 0; i < s->stacked; i++)
            if (!push(node, &stacks[i], &results[s->carried + i])) return false;
    }
    return true;
}

/* ARGUMENTS give RESULTS, the outputs in their order. */
static bool scan_once(clade_onnx_node *node, clade_onnx_value *arguments, int count, clade_onnx_value *results) {
    scan s;
    if (!read_scan(node, arguments, count, &s)) return false;
    stack *stacks = stacks_new(node, s.stacked);
    bool good = stacks != NULL && run_scan(node, &s, arguments, stacks);
    for (int i = 0; i < s.stacked && good; i++) {
        int axis;
        good = clade_onnx_axis(node, s.out_axis[i], clade_value_dims(stacks[i].parts[0]).rank + 1, &axis);
        if (!good) break;
        const clade_value whole = join(&stacks[i], axis, s.out_backwards[i] != 0);
        results[s.carried + i] = (clade_onnx_value){ .type = stacks[i].type, .value = whole, .name = "" };
    }
    if (good) memcpy(results, arguments, (size_t)s.carried * sizeof *results);
    stacks_free(node, stacks, s.stacked);
    return good;
}

/* Operator set 8: every argument has a batch, its first axis, whose samples are scanned one by one. */
static bool scan_batch(clade_onnx_node *node, const clade_onnx_value *arguments, int count) {
    const clade_size batch = clade_value_dims(arguments[0].value).size[0];
    if (clade_onnx_has(node, 0)) return clade_onnx_refuse(node, "sequence_lens");
    if (batch < 1 || batch > MOST_STEPS) return clade_onnx_refuse(node, "an open or too large batch");
    for (int i = 0; i < count; i++) {
        const clade_dims dims = clade_value_dims(arguments[i].value);
        if (dims.rank < 1 || dims.size[0] != batch) return clade_onnx_refuse(node, "inputs of several batches");
    }
    stack *stacks = stacks_new(node, node->out_count);
    bool good = stacks != NULL;
    for (int64_t n = 0; n < batch && good; n++) {
        clade_onnx_value sample[MOST_VALUES], results[MOST_VALUES];
        const scan samples = { .steps = batch };
        for (int i = 0; i < count; i++)
            sample[i] = (clade_onnx_value){ .type = arguments[i].type,
                                            .value = element(&samples, arguments[i].value, 0, n),
                                            .name = "" };
        good = scan_once(node, sample, count, results);
        for (int i = 0; i < node->out_count && good; i++)
            good = push(node, &stacks[i], &results[i]);
    }
    for (int i = 0; i < node->out_count && good; i++)
        clade_onnx_out(node, i, join(&stacks[i], 0, false), stacks[i].type);
    stacks_free(node, stacks, node->out_count);
    return good;
}

static bool translate_scan(clade_onnx_node *node) {
    clade_onnx_value arguments[MOST_VALUES], results[MOST_VALUES];
    const bool batched = node->opset < 9;
    int count;
    if (!read_arguments(node, batched ? 1 : 0, arguments, &count)) return false;
    if (count < 1) return clade_onnx_refuse(node, "input 0 is missing");
    if (batched) return scan_batch(node, arguments, count);
    if (!scan_once(node, arguments, count, results)) return false;
    give_all(node, results, 0, (size_t)node->out_count);
    return true;
}

const clade_onnx_translator clade_onnx_control[] = {
    { "If", translate_if, 0 },
    { "Loop", translate_loop, 0 },
    { "Scan", translate_scan, 0 },
    { NULL, NULL, 0 },
};
