/* Toy data: points of the plane in several shapes, for networks of two inputs (deck 002). As images they are of two
 * channels and one pixel.
 *
 * A sample's class is its index modulo the classes, so that classes are as frequent as each other; where it lies is drawn
 * from a stream of its own. */
#include "data/points.h"

#include "base/random.h"
#include "base/text.h"
#include "data/dataset.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN_COUNT = 1000, TEST_COUNT = 500 };
static const int64_t MAX_COUNT = INT64_C(1000000000);
static const double pi = 3.14159265358979323846;

/* ---- shapes ---- */

static void spread(clade_random *random, double deviation, double x, double y, float point[2]) {
    point[0] = (float)(x + deviation * clade_random_gaussian(random));
    point[1] = (float)(y + deviation * clade_random_gaussian(random));
}

/* Three round heaps. */
static void draw_clusters(clade_random *random, int32_t class, float point[2]) {
    double angle = pi * (0.5 + 2.0 * class / 3);
    spread(random, 0.18, 0.6 * cos(angle), 0.6 * sin(angle), point);
}

/* Two half circles that reach into each other. */
static void draw_moons(clade_random *random, int32_t class, float point[2]) {
    double angle = pi * clade_random_uniform(random), side = class == 0 ? 1 : -1;
    spread(random, 0.06, 0.6 * side * cos(angle) - 0.3 * side, 0.6 * side * sin(angle) - 0.15 * side, point);
}

/* A ring within a ring. */
static void draw_rings(clade_random *random, int32_t class, float point[2]) {
    double angle = 2 * pi * clade_random_uniform(random), radius = class == 0 ? 0.3 : 0.8;
    spread(random, 0.08, radius * cos(angle), radius * sin(angle), point);
}

/* Three arms of one turn around the middle. */
static void draw_spiral(clade_random *random, int32_t class, float point[2]) {
    double along = sqrt(clade_random_uniform(random)), angle = 2 * pi * (along + class / 3.0);
    spread(random, 0.03, (0.05 + 0.9 * along) * cos(angle), (0.05 + 0.9 * along) * sin(angle), point);
}

/* Four by four fields, every other one of a class. */
static void draw_checker(clade_random *random, int32_t class, float point[2]) {
    enum { FIELDS = 4 };
    uint32_t row = clade_random_below(random, FIELDS), pair = clade_random_below(random, FIELDS / 2);
    uint32_t column = 2 * pair + (row + (uint32_t) class) % 2;
    point[0] = (float)(-1 + 2.0 / FIELDS * (column + clade_random_uniform(random)));
    point[1] = (float)(-1 + 2.0 / FIELDS * (row + clade_random_uniform(random)));
}

const clade_points_kind clade_points_kinds[] = {
    { "clusters", 3 }, { "moons", 2 }, { "rings", 2 }, { "spiral", 3 }, { "checker", 2 }, { NULL, 0 },
};

static void (*const shapes[])(clade_random *random, int32_t class, float point[2]) = {
    draw_clusters, draw_moons, draw_rings, draw_spiral, draw_checker,
};

int32_t clade_point_draw(int64_t kind, uint64_t seed, const char *part, int64_t index, float point[2]) {
    char name[64] = "points.";
    strncat(name, part, sizeof name - strlen(name) - 1);
    int32_t class = (int32_t)(index % clade_points_kinds[kind].classes);
    clade_random random = clade_random_stream(seed, name, (uint64_t)index);
    shapes[kind](&random, class, point);
    return class;
}

/* ---- the data set ---- */

struct points {
    int64_t kind;
    uint64_t seed;
    const char *part;
};

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const struct points *points = dataset->data;
    clade_point_draw(points->kind, points->seed, points->part, index, out);
    return CLADE_OK;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    return (int32_t)(index % dataset->info.classes);
}

static void release(clade_dataset *dataset) {
    (void)dataset;
}

static const clade_dataset_source source = { .image = image, .label = label, .release = release };

static clade_status open_part(clade_context *context, const char *word, const struct points *what, int64_t count,
                              clade_dataset **dataset) {
    clade_status status = clade_dataset_new(context, &source, word, what->part, sizeof *what, dataset);
    if (status != CLADE_OK) return status;
    clade_dataset_info *info = &(*dataset)->info;
    info->count = count;
    info->channels = 2;
    info->height = info->width = 1;
    info->classes = clade_points_kinds[what->kind].classes;
    *(struct points *)(*dataset)->data = *what;
    return CLADE_OK;
}

/* A comma and a whole number at *TEXT, which moves past them; true where the text is over, and NUMBER stays as it is. */
static bool read_number(const char **text, uint64_t least, uint64_t most, uint64_t *number) {
    if (**text == '\0') return true;
    if (**text != ',' || (*text)[1] < '0' || (*text)[1] > '9') return false;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(*text + 1, &end, 10);
    if (errno != 0 || value < least || value > most) return false;
    *number = value;
    *text = end;
    return true;
}

/* Reads "KIND[,TRAIN,TEST[,SEED]]". */
static bool read_spec(const char *text, struct points *what, uint64_t *train, uint64_t *test) {
    if (!text) return false;
    size_t length = strcspn(text, ",");
    for (what->kind = 0; clade_points_kinds[what->kind].name; what->kind++) {
        const char *name = clade_points_kinds[what->kind].name;
        if (strlen(name) == length && memcmp(name, text, length) == 0) break;
    }
    if (!clade_points_kinds[what->kind].name) return false;
    text += length;
    bool has_train = *text != '\0';
    if (!read_number(&text, 1, (uint64_t)MAX_COUNT, train) || (has_train && *text == '\0')) return false;
    return read_number(&text, 1, (uint64_t)MAX_COUNT, test) && read_number(&text, 0, UINT64_MAX, &what->seed) &&
           *text == '\0';
}

clade_status clade_points_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                               clade_dataset **test) {
    uint64_t train_count = TRAIN_COUNT, test_count = TEST_COUNT;
    struct points what = { 0 };
    if (!read_spec(rest, &what, &train_count, &test_count)) {
        clade_text kinds = { .context = context };
        for (int i = 0; clade_points_kinds[i].name; i++)
            clade_text_add(&kinds, "%s%s", i > 0 ? ", " : "", clade_points_kinds[i].name);
        clade_status status =
            clade_fail(context, CLADE_ERROR_ARGUMENT,
                       "'%s%s%s': after the colon stands one of %s, and perhaps two sizes of at least 1 and a seed: "
                       "points:moons,1000,500,7",
                       word, rest ? ":" : "", rest ? rest : "", clade_text_get(&kinds));
        clade_text_free(&kinds);
        return status;
    }
    clade_status status = CLADE_OK;
    what.part = "train";
    if (train) status = open_part(context, word, &what, (int64_t)train_count, train);
    what.part = "test";
    if (status == CLADE_OK && test) status = open_part(context, word, &what, (int64_t)test_count, test);
    return status;
}
