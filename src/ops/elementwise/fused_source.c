/* The text of a fused kernel: OpenCL C for a chain of point-wise steps over an iteration space.
 *
 * An item takes a part of some rows along the innermost axis: whole rows and more where an item is a thread's work, one
 * element where neighbouring items want neighbouring addresses (ops/elementwise/fused.c sets the parts; the text is the same). What
 * repeats along a row is read once before it, and no element needs a division. Where the compiler's own vectors would
 * stop at a call (exp, tanh), CPUs get the row in vectors of 16, for which vendors have vector forms of the call.
 *
 * Pointers are `restrict`, which the vectorisers need: an input that lies in an output's buffer is therefore read through
 * that output's pointer. An element's inputs are read before its outputs are written, so nothing is lost. */
#include "ops/elementwise/fused_source.h"

#include <ctype.h>
#include <string.h>

/* ---- the iteration space ---- */

static bool runs_on(const clade_fused_space *space, uint32_t input_count, const int64_t stride[]) {
    int32_t last = space->rank - 1;
    if (last < 0) return false;
    for (uint32_t i = 0; i < input_count; i++) {
        if (stride[i] != space->stride[i][last] * space->size[last]) return false;
    }
    return true;
}

static void find_places(const clade_site *site, clade_fused_space *space) {
    const clade_node *node = site->node;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_buffer *in = site->in[i].buffer;
        space->place[i] = -1;
        for (uint32_t o = 0; in && o < node->output_count; o++) {
            const clade_buffer *out = site->out[o].buffer;
            if (out && (in == out || in->memory == out->memory)) space->place[i] = (int32_t)o;
        }
    }
}

clade_fused_space clade_fused_space_of(const clade_site *site) {
    clade_fused_space space = { .rank = 0 };
    const clade_array *out = &site->out[0];
    uint32_t input_count = site->node->input_count;
    int64_t own[CLADE_MAX_INPUTS]; /* the elements of an input inside the current axis */
    for (uint32_t i = 0; i < input_count; i++) {
        own[i] = 1;
    }
    for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
        int64_t stride[CLADE_MAX_INPUTS];
        for (uint32_t i = 0; i < input_count; i++) {
            int32_t in_axis = axis - (out->rank - site->in[i].rank);
            int64_t size = in_axis >= 0 ? site->in[i].size[in_axis] : 1;
            stride[i] = size == 1 ? 0 : own[i];
            own[i] *= size;
        }
        if (out->size[axis] == 1) continue;
        if (runs_on(&space, input_count, stride)) {
            space.size[space.rank - 1] *= out->size[axis];
            continue;
        }
        space.size[space.rank] = out->size[axis];
        for (uint32_t i = 0; i < input_count; i++) {
            space.stride[i][space.rank] = stride[i];
        }
        space.rank++;
    }
    find_places(site, &space);
    for (uint32_t i = 0; i < input_count; i++) {
        space.in[i] = site->in[i].dtype;
    }
    clade_fused_types(site->node->attributes, space.in, space.step);
    return space;
}

bool clade_fused_input_is_dense(const clade_fused_space *space, uint32_t i) {
    int64_t stride = 1;
    for (int32_t axis = 0; axis < space->rank; axis++) {
        if (space->stride[i][axis] != stride) return false;
        stride *= space->size[axis];
    }
    return true;
}

/* ---- pieces of text ---- */

enum { VECTOR = 16 };

static bool in_identifier(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The name of an argument of a step: an input, or an earlier step's result. */
static void add_argument(const clade_fused_attributes *fused, int32_t argument, clade_text *out) {
    if (argument >= 0) {
        clade_text_add(out, "x%d", (int)argument);
    } else {
        int32_t step = -1 - argument;
        clade_text_add(out, "%s_%d", fused->steps[step].op->name, (int)step);
    }
}

/* What a name of an expression that is neither an input nor a parameter stands for, or NULL. */
static const char *meaning_of(const char *name, size_t length, bool vector) {
    static const struct {
        const char *name, *one, *many;
    } words[] = {
        { "real", "float", "float16" },
        { "whole", "int", "int16" },
        { "to_real", "convert_float", "convert_float16" },
        { "to_whole", "convert_int_sat", "convert_int16_sat" },
        { "as_real", "as_float", "as_float16" },
        { "as_whole", "as_int", "as_int16" },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, name, length) == 0)
            return vector ? words[i].many : words[i].one;
    }
    return NULL;
}

/* The step's expression with x0, x1, ..., p0, p1 and the words for types replaced by what they are in the kernel. */
static void add_expression(const clade_fused_attributes *fused, int32_t step, bool vector, clade_text *out) {
    const clade_fused_step *what = &fused->steps[step];
    for (const char *at = what->op->pointwise->expression; *at;) {
        size_t length = 0;
        while (in_identifier(at[length])) {
            length++;
        }
        bool is_name = length == 2 && isdigit((unsigned char)at[1]);
        const char *word = meaning_of(at, length, vector);
        if (is_name && at[0] == 'x') {
            add_argument(fused, what->arguments[at[1] - '0'], out);
        } else if (is_name && at[0] == 'p') {
            clade_text_add(out, "p%d_%d", (int)step, at[1] - '0');
        } else if (word) {
            clade_text_add(out, "%s", word);
        } else {
            length = length > 0 ? length : 1;
            clade_text_add_bytes(out, at, length);
        }
        at += length > 0 ? length : 1;
    }
}

/* A type's name in the kernel: of one element, or of a vector. */
static const char *type_name(clade_dtype dtype, bool vector) {
    static const char *const names[2][2] = { { "float", "float16" }, { "int", "int16" } };
    return names[dtype == CLADE_I32][vector];
}

/* The arguments, in the order in which ops/elementwise/fused.c sets them. */
static void add_signature(const clade_node *node, const clade_fused_space *space, clade_text *out) {
    const clade_fused_attributes *fused = node->attributes;
    const char *separator = "__kernel void fused(";
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (space->place[i] >= 0) continue;
        clade_text_add(out, "%s__global const %s *restrict in%u", separator, type_name(space->in[i], false),
                       (unsigned)i);
        separator = ",\n                    ";
    }
    for (int32_t o = 0; o < fused->output_count; o++) {
        clade_text_add(out, "%s__global %s *restrict out%d", separator,
                       type_name(space->step[fused->outputs[o]], false), (int)o);
        separator = ",\n                    ";
    }
    for (int32_t step = 0; step < fused->step_count; step++) {
        for (int p = 0; p < fused->steps[step].op->pointwise->parameter_count; p++) {
            clade_text_add(out, ", float p%d_%d", (int)step, p);
        }
    }
    clade_text_add(out, ",\n                    int size0, int part0");
    if (space->rank > 1) clade_text_add(out, ", int size1, int part1");
    for (int32_t axis = 2; axis < space->rank; axis++) {
        clade_text_add(out, ", int size%d", (int)axis);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (clade_fused_input_is_dense(space, i)) continue;
        for (int32_t axis = 1; axis < space->rank; axis++) {
            if (space->stride[i][axis] != 0) clade_text_add(out, ", int stride%u_%d", (unsigned)i, (int)axis);
        }
    }
    clade_text_add(out, ") {\n");
}

/* The row's place along axes 2, 3, ..., which the range's last dimension holds. */
static void add_outer_indices(const clade_fused_space *space, clade_text *out) {
    if (space->rank == 3) {
        clade_text_add(out, "    const int i2 = (int)get_global_id(2);\n    if (i2 >= size2) return;\n");
    } else if (space->rank > 3) {
        clade_text_add(out, "    const int rest2 = (int)get_global_id(2);\n");
        for (int axis = 2; axis < space->rank; axis++) {
            clade_text_add(out, "    const int rest%d = rest%d / size%d, i%d = rest%d - rest%d * size%d;\n", axis + 1,
                           axis, axis, axis, axis, axis + 1, axis);
        }
        clade_text_add(out, "    if (rest%d > 0) return;\n", (int)space->rank);
    }
}

/* Where the row begins in the outputs and dense inputs, ((i3 * size2 + i2) * size1 + i1) * size0, and in each other
 * input. */
static void add_row_pointers(const clade_node *node, const clade_fused_space *space, clade_text *out) {
    const clade_fused_attributes *fused = node->attributes;
    clade_text_add(out, "        const size_t row = ");
    for (int32_t axis = space->rank - 1; axis > 1; axis--) {
        clade_text_add(out, "(");
    }
    clade_text_add(out, "(size_t)i%d", (int)space->rank - 1);
    for (int32_t axis = space->rank - 2; axis >= 1; axis--) {
        clade_text_add(out, " * size%d + i%d)", (int)axis, (int)axis);
    }
    clade_text_add(out, " * size0;\n");
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (space->place[i] >= 0) continue;
        clade_text_add(out, "        __global const %s *row_in%u = in%u", type_name(space->in[i], false), (unsigned)i,
                       (unsigned)i);
        bool dense = clade_fused_input_is_dense(space, i);
        if (dense) clade_text_add(out, " + row");
        for (int32_t axis = 1; axis < space->rank && !dense; axis++) {
            if (space->stride[i][axis] == 0) continue;
            clade_text_add(out, " + (size_t)i%d * stride%u_%d", (int)axis, (unsigned)i, (int)axis);
        }
        clade_text_add(out, ";\n");
    }
    for (int32_t o = 0; o < fused->output_count; o++) {
        clade_text_add(out, "        __global %s *row_out%d = out%d + row;\n",
                       type_name(space->step[fused->outputs[o]], false), (int)o, (int)o);
    }
}

/* ---- the body ---- */

/* How the text stands: inside how many loops, and with which pointers. */
typedef struct style {
    const char *indent, *row; /* "row_" where there are rows, else "" */
} style;

static bool repeats(const clade_fused_space *space, uint32_t i) {
    return space->rank == 0 || space->stride[i][0] == 0;
}

/* Opens the reading of input I from where it lies: the array's name follows, then a ")" where this says so: an output's
 * buffer of another type is read through that type. */
static bool begin_read(const clade_node *node, const clade_fused_space *space, uint32_t i, bool vector,
                       clade_text *out) {
    if (space->place[i] < 0) return false;
    const clade_fused_attributes *fused = node->attributes;
    if (space->step[fused->outputs[space->place[i]]] == space->in[i]) return false;
    clade_text_add(out, "as_%s(", type_name(space->in[i], vector));
    return true;
}

static void add_array(const clade_fused_space *space, style at, uint32_t i, clade_text *out) {
    bool placed = space->place[i] >= 0;
    clade_text_add(out, "%s%s%d", at.row, placed ? "out" : "in", placed ? (int)space->place[i] : (int)i);
}

/* Inputs that are one number for the whole row; with vectors each loop spreads them as it needs. */
static void add_row_numbers(const clade_node *node, const clade_fused_space *space, style at, bool vectors,
                            clade_text *out) {
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (!repeats(space, i)) continue;
        clade_text_add(out, "%sconst %s %s%u = ", at.indent, type_name(space->in[i], false), vectors ? "number" : "x",
                       (unsigned)i);
        bool enclosed = begin_read(node, space, i, false, out);
        add_array(space, at, i, out);
        clade_text_add(out, "[0]%s;\n", enclosed ? ")" : "");
    }
}

/* The inputs in a loop over elements, or over VECTOR elements; VECTORS: whether there are loops of both kinds. */
static void add_loads(const clade_node *node, const clade_fused_space *space, style at, bool vectors, bool vector,
                      clade_text *out) {
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (repeats(space, i) && !vectors) continue;
        clade_text_add(out, "%s    const %s x%u = ", at.indent, type_name(space->in[i], vector), (unsigned)i);
        if (repeats(space, i)) {
            clade_text_add(out, "number%u;\n", (unsigned)i);
            continue;
        }
        bool enclosed = begin_read(node, space, i, vector, out);
        if (vector) clade_text_add(out, "vload16(0, ");
        add_array(space, at, i, out);
        clade_text_add(out, "%s%s;\n", vector ? " + i)" : "[i]", enclosed ? ")" : "");
    }
}

static void add_steps(const clade_fused_attributes *fused, const clade_fused_space *space, style at, bool vector,
                      clade_text *out) {
    for (int32_t step = 0; step < fused->step_count; step++) {
        clade_text_add(out, "%s    const %s %s_%d = ", at.indent, type_name(space->step[step], vector),
                       fused->steps[step].op->name, (int)step);
        add_expression(fused, step, vector, out);
        clade_text_add(out, ";\n");
    }
}

static void add_stores(const clade_fused_attributes *fused, style at, bool vector, clade_text *out) {
    for (int32_t o = 0; o < fused->output_count; o++) {
        if (vector) {
            clade_text_add(out, "%s    vstore16(", at.indent);
            add_argument(fused, -1 - fused->outputs[o], out);
            clade_text_add(out, ", 0, %sout%d + i);\n", at.row, (int)o);
        } else {
            clade_text_add(out, "%s    %sout%d[i] = ", at.indent, at.row, (int)o);
            add_argument(fused, -1 - fused->outputs[o], out);
            clade_text_add(out, ";\n");
        }
    }
}

/* The loop along a row; with vectors, then the rest one by one. */
static void add_row_loops(const clade_node *node, const clade_fused_space *space, style at, bool vectors,
                          clade_text *out) {
    const clade_fused_attributes *fused = node->attributes;
    add_row_numbers(node, space, at, vectors, out);
    if (vectors) {
        clade_text_add(out, "%sint i = begin0;\n%sfor (; i + %d <= end0; i += %d) {\n", at.indent, at.indent, VECTOR,
                       VECTOR);
        add_loads(node, space, at, vectors, true, out);
        add_steps(fused, space, at, true, out);
        add_stores(fused, at, true, out);
        clade_text_add(out, "%s}\n", at.indent);
    }
    clade_text_add(out, "%sfor (%s; i < end0; i++) {\n", at.indent, vectors ? "" : "int i = begin0");
    add_loads(node, space, at, vectors, false, out);
    add_steps(fused, space, at, false, out);
    add_stores(fused, at, false, out);
    clade_text_add(out, "%s}\n", at.indent);
}

static bool calls_a_function(const char *expression) {
    for (const char *at = strchr(expression, '('); at; at = strchr(at + 1, '(')) {
        if (at > expression && in_identifier(at[-1])) return true;
    }
    return false;
}

/* Whether a step calls a function on a device where vectors of calls pay, and rows hold a vector. */
static bool wants_vectors(const clade_site *site, const clade_fused_space *space) {
    const clade_fused_attributes *fused = site->node->attributes;
    if (!site->device || !site->device->capabilities.is_cpu) return false;
    if (space->rank == 0 || space->size[0] < VECTOR) return false;
    for (int32_t step = 0; step < fused->step_count; step++) {
        if (calls_a_function(fused->steps[step].op->pointwise->expression)) return true;
    }
    return false;
}

clade_status clade_fused_source(const clade_site *site, clade_text *out) {
    clade_fused_space space = clade_fused_space_of(site);
    bool vectors = wants_vectors(site, &space);
    add_signature(site->node, &space, out);
    clade_text_add(out, "    const int begin0 = (int)get_global_id(0) * part0, end0 = min(begin0 + part0, size0);\n");
    if (space.rank > 1) {
        clade_text_add(out,
                       "    const int begin1 = (int)get_global_id(1) * part1, end1 = min(begin1 + part1, size1);\n");
        add_outer_indices(&space, out);
        clade_text_add(out, "    for (int i1 = begin1; i1 < end1; i1++) {\n");
        add_row_pointers(site->node, &space, out);
        add_row_loops(site->node, &space, (style){ "        ", "row_" }, vectors, out);
        clade_text_add(out, "    }\n");
    } else {
        add_row_loops(site->node, &space, (style){ "    ", "" }, vectors, out);
    }
    clade_text_add(out, "}\n");
    return out->failed ? clade_fail_memory(out->context, out->length, "a fused kernel's text") : CLADE_OK;
}
