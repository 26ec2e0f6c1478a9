/* Flipping and cropping in place: a crop out of the padded image is the image moved, with zeros where it has left. */
#include "data/augment.h"

#include "base/random.h"
#include "data/spec.h"

#include <string.h>

enum { MOST_CROP = 1024 };

bool clade_augmentation_option(const char *option, const char *value, clade_augmentation *augmentation) {
    if (strcmp(option, "flip") == 0 && !*value) return augmentation->flip = true;
    return strcmp(option, "crop") == 0 && clade_spec_number(value, 0, MOST_CROP, &augmentation->crop);
}

static void flip(float *row, int64_t width) {
    for (int64_t x = 0; x < width / 2; x++) {
        const float kept = row[x];
        row[x] = row[width - 1 - x];
        row[width - 1 - x] = kept;
    }
}

/* TO[x] = FROM[x + by], zero outside; the rows may be the same. */
static void move_row(float *to, const float *from, int64_t width, int64_t by) {
    const int64_t gap = by < 0 ? -by : by;
    const int64_t kept = gap < width ? width - gap : 0;
    if (kept > 0) memmove(to + (by < 0 ? gap : 0), from + (by > 0 ? gap : 0), (size_t)kept * sizeof *to);
    memset(to + (by < 0 ? 0 : kept), 0, (size_t)(width - kept) * sizeof *to);
}

/* Rows are taken in the order in which none is overwritten before it has been read. */
static void move_plane(float *plane, int64_t height, int64_t width, int64_t down, int64_t across) {
    for (int64_t i = 0; i < height; i++) {
        const int64_t y = down >= 0 ? i : height - 1 - i;
        float *row = plane + y * width;
        if (y + down >= 0 && y + down < height) {
            move_row(row, row + down * width, width, across);
        } else {
            memset(row, 0, (size_t)width * sizeof *row);
        }
    }
}

void clade_augment(const clade_augmentation *augmentation, const clade_dataset_info *info, uint64_t seed, int64_t epoch,
                   int64_t index, float *image) {
    if (!augmentation->flip && augmentation->crop == 0) return;
    clade_random random = clade_random_stream(seed, "augment", (uint64_t)epoch << 32 | (uint64_t)index);
    const bool flips = clade_random_below(&random, 2) == 1 && augmentation->flip;
    const int64_t crop = augmentation->crop;
    const uint32_t places = (uint32_t)(2 * crop + 1);
    const int64_t down = (int64_t)clade_random_below(&random, places) - crop,
                  across = (int64_t)clade_random_below(&random, places) - crop;
    for (int64_t y = 0; flips && y < info->channels * info->height; y++)
        flip(image + y * info->width, info->width);
    for (int64_t c = 0; (down != 0 || across != 0) && c < info->channels; c++)
        move_plane(image + c * info->height * info->width, info->height, info->width, down, across);
}
