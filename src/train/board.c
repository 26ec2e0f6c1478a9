/* Event files of a run: train/board.h. */
#include "train/board.h"

#include "base/context.h"
#include "formats/tensorboard.h"
#include "ops/op.h"

#include <math.h>
#include <string.h>

/* Where the first layer's weights are, and the tiles they are drawn as. */
typedef struct filters {
    const char *state; /* NULL: none to draw */
    int64_t count, elements;
    int64_t channels, height, width; /* of a tile: 1 or 3 channels */
} filters;

struct clade_board {
    clade_context *context;
    clade_event_file file;
    filters filters;
};

/* ---- the first layer ---- */

static int64_t number_of(clade_size size) {
    return size > 0 ? (int64_t)size : 0;
}

/* What weights of DIMS look at: a patch (O, I, R, S) of a picture, or the whole IMAGE (O, channels * height * width). */
static filters filters_of(const clade_dims *dims, const int64_t image[3]) {
    filters f = { .count = number_of(dims->size[0]) };
    if (dims->rank == 4) {
        f.channels = number_of(dims->size[1]);
        f.height = number_of(dims->size[2]);
        f.width = number_of(dims->size[3]);
    } else if (dims->rank == 2 && number_of(dims->size[1]) == image[0] * image[1] * image[2]) {
        f.channels = image[0];
        f.height = image[1];
        f.width = image[2];
    }
    f.elements = f.channels * f.height * f.width;
    return f;
}

static filters find_filters(const clade_trained *trained, const int64_t image[3]) {
    for (size_t i = 0; i < trained->count; i++) {
        const clade_node *node = clade_value_node(trained->states[i]);
        if (((const clade_leaf_attributes *)node->attributes)->role != CLADE_ROLE_WEIGHT) continue;
        filters f = filters_of(&node->outputs[0].dims, image);
        const bool drawable = f.height * f.width > 1 && (f.channels == 1 || f.channels == 3);
        if (drawable) f.state = node->name;
        return f;
    }
    return (filters){ 0 };
}

/* ---- the picture ---- */

enum { LEAST_SIDE = 24, MOST_TILES = 256, LINE = 90 };

typedef struct grid {
    int64_t tiles, columns, rows;
    int64_t zoom; /* pixels along a side for each weight */
} grid;

static grid grid_of(const filters *f) {
    grid g = { .tiles = f->count < MOST_TILES ? f->count : MOST_TILES, .columns = 1, .zoom = 1 };
    while (g.columns * g.columns < g.tiles)
        g.columns++;
    g.rows = (g.tiles + g.columns - 1) / g.columns;
    const int64_t side = f->height < f->width ? f->height : f->width;
    if (side < LEAST_SIDE) g.zoom = (LEAST_SIDE + side - 1) / side;
    return g;
}

/* Draws one filter, (channels, height, width), with its own least weight black and its largest white. */
static void draw_tile(const filters *f, const float *weights, int64_t zoom, uint8_t *corner, int64_t row_bytes) {
    float least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < f->elements; i++) {
        least = fminf(least, weights[i]);
        most = fmaxf(most, weights[i]);
    }
    const float scale = most > least ? 255 / (most - least) : 0;
    for (int64_t y = 0; y < f->height * zoom; y++)
        for (int64_t x = 0; x < f->width * zoom; x++)
            for (int64_t c = 0; c < f->channels; c++) {
                const float weight = weights[(c * f->height + y / zoom) * f->width + x / zoom];
                const float level = (weight - least) * scale;
                corner[y * row_bytes + x * f->channels + c] = (uint8_t)(level > 0 && level < 256 ? level : 0);
            }
}

static void draw(const filters *f, const grid *g, const float *weights, clade_picture *picture) {
    const int64_t row_bytes = picture->width * picture->channels;
    memset(picture->pixels, LINE, (size_t)(picture->height * row_bytes));
    for (int64_t i = 0; i < g->tiles; i++) {
        const int64_t y = 1 + i / g->columns * (f->height * g->zoom + 1);
        const int64_t x = 1 + i % g->columns * (f->width * g->zoom + 1);
        draw_tile(f, weights + i * f->elements, g->zoom, picture->pixels + y * row_bytes + x * f->channels, row_bytes);
    }
}

clade_status clade_board_add_filters(clade_board *board, int64_t step, clade_session *session) {
    if (!board || !board->filters.state) return CLADE_OK;
    const filters *f = &board->filters;
    const grid g = grid_of(f);
    clade_picture picture = { .channels = f->channels,
                              .height = 1 + g.rows * (f->height * g.zoom + 1),
                              .width = 1 + g.columns * (f->width * g.zoom + 1) };
    const int64_t count = f->count * f->elements;
    const size_t pixels = (size_t)(picture.channels * picture.height * picture.width);
    float *weights = clade_allocate(board->context, (size_t)count, sizeof *weights);
    picture.pixels = clade_allocate(board->context, pixels, 1);
    clade_status status = weights && picture.pixels
                              ? clade_session_read_state(session, f->state, weights, count)
                              : clade_fail_memory(board->context, pixels, "the picture of the filters");
    if (status == CLADE_OK) {
        draw(f, &g, weights, &picture);
        status = clade_event_file_add_picture(&board->file, step, "filters", &picture);
    }
    if (status == CLADE_OK) status = clade_event_file_flush(&board->file);
    clade_free(board->context, weights);
    clade_picture_free(board->context, &picture);
    return status;
}

/* ---- the curves ---- */

void clade_board_add(clade_board *board, int64_t step, const char *group, const char *name, double number) {
    if (!board) return;
    clade_text tag = { .context = board->context };
    clade_text_add(&tag, "%s/%s", group, name);
    if (!tag.failed) clade_event_file_add_scalar(&board->file, step, tag.data, number);
    board->file.pending.failed |= tag.failed;
    clade_text_free(&tag);
}

clade_status clade_board_flush(clade_board *board) {
    return board ? clade_event_file_flush(&board->file) : CLADE_OK;
}

/* ---- the whole ---- */

clade_status clade_board_open(clade_context *context, const char *folder, int64_t step, const clade_trained *trained,
                              const int64_t image[3], clade_board **out) {
    *out = NULL;
    clade_board *board = clade_allocate(context, 1, sizeof *board);
    if (!board) return clade_fail_memory(context, sizeof *board, "writing for TensorBoard");
    board->context = context;
    board->filters = find_filters(trained, image);
    clade_status status = clade_event_file_open(context, folder, step, &board->file);
    if (status == CLADE_OK) {
        *out = board;
    } else {
        clade_board_free(board);
    }
    return status;
}

void clade_board_free(clade_board *board) {
    if (!board) return;
    clade_event_file_free(&board->file);
    clade_free(board->context, board);
}
