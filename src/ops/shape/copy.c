/* Copies of boxes of elements: merging the axes that memory does not tell apart, and choosing the kernel for what is left
 * (kernels/copy.cl). */
#include "ops/shape/copy.h"

#include <stdio.h>

enum {
    CHUNK = 16384, /* elements that an item takes where it is a thread's work */
    SHORT = 64,    /* sides of a block of copy_blocks: the longer is that of the longer axis, */
    LONG = 256,    /* so that its rows are fetched ahead */
    TILE = 16,     /* of copy_tiles */
    NARROWEST = 4, /* places that copy_woven and copy_unwoven take at most */
};

void clade_dense_strides(const clade_array *array, int64_t strides[CLADE_MAX_RANK]) {
    int64_t stride = 1;
    for (int32_t axis = array->rank - 1; axis >= 0; axis--) {
        strides[axis] = stride;
        stride *= array->size[axis];
    }
}

int64_t clade_elements_outside(const clade_array *array, int32_t axis) {
    int64_t count = 1;
    for (int32_t i = 0; i < axis; i++) {
        count *= array->size[i];
    }
    return count;
}

int64_t clade_elements_inside(const clade_array *array, int32_t axis) {
    int64_t count = 1;
    for (int32_t i = axis + 1; i < array->rank; i++) {
        count *= array->size[i];
    }
    return count;
}

int32_t clade_axis_of(int64_t axis, int32_t rank) {
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank ? (int32_t)axis : -1;
}

clade_copy_box clade_copy_box_to(const clade_array *to) {
    clade_copy_box box = { .rank = to->rank };
    clade_dense_strides(to, box.to_stride);
    for (int32_t axis = 0; axis < to->rank; axis++) {
        box.size[axis] = to->size[axis];
    }
    return box;
}

/* ---- axes ---- */

/* The box with neighbours merged over which both arrays run on, aligned at the right of eight axes. */
static clade_copy_box merge(const clade_copy_box *box) {
    clade_copy_box merged = { .rank = CLADE_COPY_AXES, .from_base = box->from_base, .to_base = box->to_base };
    int at = CLADE_COPY_AXES;
    for (int32_t axis = box->rank - 1; axis >= 0; axis--) {
        if (box->size[axis] == 1) continue;
        bool runs_on = at < CLADE_COPY_AXES && box->from_stride[axis] == merged.from_stride[at] * merged.size[at] &&
                       box->to_stride[axis] == merged.to_stride[at] * merged.size[at];
        if (runs_on) {
            merged.size[at] *= box->size[axis];
            continue;
        }
        at--;
        merged.size[at] = box->size[axis];
        merged.from_stride[at] = box->from_stride[axis];
        merged.to_stride[at] = box->to_stride[axis];
    }
    while (at > 0) {
        merged.size[--at] = 1;
    }
    return merged;
}

/* Moves axis FROM to place TO, those between by one. */
static void move_axis(clade_copy_box *box, int from, int to) {
    const int64_t size = box->size[from], from_stride = box->from_stride[from], to_stride = box->to_stride[from];
    for (int i = from; i < to; i++) {
        box->size[i] = box->size[i + 1];
        box->from_stride[i] = box->from_stride[i + 1];
        box->to_stride[i] = box->to_stride[i + 1];
    }
    box->size[to] = size;
    box->from_stride[to] = from_stride;
    box->to_stride[to] = to_stride;
}

/* The axis along which the source runs on, -1 for none. */
static int contiguous_source(const clade_copy_box *box) {
    for (int axis = CLADE_COPY_AXES - 1; axis >= 0; axis--) {
        if (box->size[axis] > 1 && box->from_stride[axis] == 1) return axis;
    }
    return -1;
}

/* ---- the launch ---- */

typedef struct form {
    const char *kernel;
    size_t across, down; /* items along axes 7 and 6 */
    size_t local[3];
    int64_t chunk, part;
    int64_t narrow; /* 0: none */
} form;

static int64_t planes_of(const clade_copy_box *box) {
    int64_t planes = 1;
    for (int axis = 0; axis < CLADE_COPY_AXES - 2; axis++) {
        planes *= box->size[axis];
    }
    return planes;
}

static form rows_of(const clade_copy_box *box) {
    int64_t row = box->size[7], chunk = clade_smaller(row, CHUNK),
            part = clade_smaller(clade_blocks(CHUNK, row), box->size[6]);
    return (form){
        .kernel = "copy_rows",
        .across = (size_t)clade_blocks(row, chunk),
        .down = (size_t)clade_blocks(box->size[6], part),
        .local = { 1, 1, 1 },
        .chunk = chunk,
        .part = part,
    };
}

/* Of a box whose axis 6 runs on in the source, and axis 7 in the target. */
static form turned_of(const clade_copy_box *box, bool rows) {
    const int64_t a = box->size[6], b = box->size[7];
    if (!rows) {
        return (form){ .kernel = "copy_tiles",
                       .across = (size_t)(clade_blocks(b, TILE) * TILE),
                       .down = (size_t)(clade_blocks(a, TILE) * 4),
                       .local = { TILE, 4, 1 } };
    }
    if (b <= NARROWEST && box->to_stride[6] == b) {
        const int64_t chunk = clade_smaller(a, CHUNK / NARROWEST);
        return (form){
            .kernel = "copy_woven",
            .across = (size_t)clade_blocks(a, chunk),
            .down = 1,
            .local = { 1, 1, 1 },
            .chunk = chunk,
            .narrow = b,
        };
    }
    if (a <= NARROWEST && box->from_stride[7] == a) {
        const int64_t chunk = clade_smaller(b, CHUNK / NARROWEST);
        return (form){
            .kernel = "copy_unwoven",
            .across = (size_t)clade_blocks(b, chunk),
            .down = 1,
            .local = { 1, 1, 1 },
            .chunk = chunk,
            .narrow = a,
        };
    }
    const int64_t down = a > b ? LONG : SHORT, across = a > b ? SHORT : LONG;
    return (form){ .kernel = "copy_blocks",
                   .across = (size_t)clade_blocks(b, across),
                   .down = (size_t)clade_blocks(a, down),
                   .local = { 1, 1, 1 },
                   .chunk = across,
                   .part = down };
}

static clade_status launch(const clade_site *site, clade_commands *commands, const clade_copy_box *box,
                           const form *form, const clade_buffer *x, const clade_buffer *y) {
    clade_argument arguments[6 + 3 * CLADE_COPY_AXES] = {
        clade_buffer_argument(x),         clade_buffer_argument(y),        clade_int_argument(box->from_base),
        clade_int_argument(box->to_base), clade_int_argument(form->chunk), clade_int_argument(form->part),
    };
    size_t count = 6;
    const int64_t *const numbers[] = { box->size, box->from_stride, box->to_stride };
    for (int i = 0; i < 3 * CLADE_COPY_AXES; i++) {
        arguments[count++] = clade_int_argument(numbers[i / CLADE_COPY_AXES][i % CLADE_COPY_AXES]);
    }
    char options[32];
    snprintf(options, sizeof options, "-DNARROW=%d", (int)form->narrow);
    const bool all = form->down == 0; /* one index for all elements */
    const int64_t planes = planes_of(box);
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "copy.cl",
                                     .options = form->narrow > 0 ? options : NULL,
                                     .kernel = form->kernel,
                                     .label = site->label,
                                     .global = { form->across, all ? 1 : form->down, all ? 1 : (size_t)planes },
                                     .local = { form->local[0], form->local[1], form->local[2] },
                                     .arguments = arguments,
                                     .argument_count = count,
                                     .bytes = 8.0 * (double)planes * (double)box->size[6] * (double)box->size[7],
                                 });
}

clade_status clade_copy_record(const clade_site *site, clade_commands *commands, const clade_copy_box *box, bool rows,
                               const clade_buffer *x, const clade_buffer *y) {
    clade_copy_box merged = merge(box);
    const bool to_runs_on = merged.to_stride[7] == 1, from_runs_on = merged.from_stride[7] == 1;
    const int axis = to_runs_on && !from_runs_on && merged.size[7] > 1 ? contiguous_source(&merged) : -1;
    if (axis >= 0) {
        move_axis(&merged, axis, CLADE_COPY_AXES - 2);
        const form form = turned_of(&merged, rows);
        return launch(site, commands, &merged, &form, x, y);
    }
    form form = rows_of(&merged);
    if (!rows) {
        const int64_t count = planes_of(&merged) * merged.size[6] * merged.size[7];
        form = (struct form){ .kernel = "copy_elements", .across = (size_t)count, .local = { 64, 1, 1 } };
    }
    return launch(site, commands, &merged, &form, x, y);
}
