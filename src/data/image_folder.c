/* Folders of pictures as a data set: images:DIR, a folder of JPEG and PNG files for each class, in DIR or in
 * DIR/train and DIR/test. Where there is no test folder every fifth picture of a class, by name, is a test picture.
 * Pictures are decoded when they are read, by whichever thread of the loader reads them, brought to one size and kept
 * as bytes while the whole part fits CACHE_BYTES. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/sample_cache.h"
#include "data/spec.h"
#include "formats/picture.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char USAGE[] = "images:DIR[,size=HEIGHTxWIDTH][,grey|colour][,flip][,crop=PIXELS]";
static const size_t CACHE_BYTES = (size_t)512 << 20, MOST_FILE_BYTES = (size_t)256 << 20;
enum { TEST_EVERY = 5, MOST_CLASSES = 100000, MOST_SIDE = 4096, READING_THREADS = 4 };

/* A picture's file: where in NAMES its path begins, and its class. */
struct picture_file {
    size_t path;
    int32_t class;
};

struct images {
    clade_text names; /* paths, each ended by a zero */
    struct picture_file *files;
    int64_t capacity;
    clade_sample_cache cache;
};

/* What the spec asks for; zeros: as the model takes it, else as the first picture is. */
struct wish {
    int64_t channels, height, width;
    clade_augmentation augmentation;
};

static const char *path_of(const struct images *images, int64_t index) {
    return images->names.data + images->files[index].path;
}

static clade_status decode(clade_context *context, const char *path, const int64_t least[2], clade_picture *picture) {
    char *data = NULL;
    size_t bytes = 0;
    *picture = (clade_picture){ 0 };
    clade_status status = clade_file_read(context, path, MOST_FILE_BYTES, &data, &bytes);
    if (status == CLADE_OK) status = clade_picture_decode(context, path, data, bytes, least, picture);
    clade_free(context, data);
    return status;
}

static clade_status make_sample(const clade_dataset *dataset, int64_t index, uint8_t *out) {
    const struct images *images = dataset->data;
    const clade_dataset_info *info = &dataset->info;
    const int64_t least[] = { info->height, info->width };
    clade_picture picture;
    clade_status status = decode(dataset->context, path_of(images, index), least, &picture);
    if (status == CLADE_OK)
        status = clade_picture_fit(dataset->context, &picture, info->channels, info->height, info->width, out);
    clade_picture_free(dataset->context, &picture);
    return status;
}

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const clade_sample_cache *cache = &((const struct images *)dataset->data)->cache;
    const int64_t pixels = (int64_t)cache->sample_bytes;
    const uint8_t *kept = clade_sample_cache_find(cache, index);
    if (kept) {
        clade_scale_bytes(kept, pixels, out);
        return CLADE_OK;
    }
    uint8_t *place = clade_sample_cache_claim(cache, index);
    uint8_t *made = place ? place : clade_allocate(dataset->context, cache->sample_bytes, 1);
    if (!made) return clade_fail_memory(dataset->context, cache->sample_bytes, dataset->info.name);
    clade_status status = make_sample(dataset, index, made);
    if (status == CLADE_OK) clade_scale_bytes(made, pixels, out);
    if (place) {
        clade_sample_cache_settle(cache, index, status == CLADE_OK);
    } else {
        clade_free(dataset->context, made);
    }
    return status;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    return ((const struct images *)dataset->data)->files[index].class;
}

static void release(clade_dataset *dataset) {
    struct images *images = dataset->data;
    clade_text_free(&images->names);
    clade_free(dataset->context, images->files);
    clade_sample_cache_close(dataset->context, &images->cache);
}

static const clade_dataset_source source = { .image = image, .label = label, .release = release };

/* ---- what is in the folders ---- */

static bool is_picture(const clade_folder_entry *entry) {
    static const char *const endings[] = { ".jpg", ".jpeg", ".png" };
    const char *dot = strrchr(entry->name, '.');
    for (size_t i = 0; dot && !entry->is_folder && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return entry->name[0] != '.';
    return false;
}

static bool is_class(const clade_folder_entry *entry) {
    return entry->is_folder && entry->name[0] != '.';
}

static clade_status add_file(clade_dataset *dataset, const char *folder, const char *class_name, const char *name,
                             int32_t class) {
    struct images *images = dataset->data;
    if (dataset->info.count == images->capacity) {
        const int64_t capacity = images->capacity ? 2 * images->capacity : 1024;
        struct picture_file *files = clade_reallocate(dataset->context, images->files, (size_t)capacity, sizeof *files);
        if (!files) return clade_fail_memory(dataset->context, (size_t)capacity * sizeof *files, folder);
        images->files = files;
        images->capacity = capacity;
    }
    images->files[dataset->info.count++] = (struct picture_file){ images->names.length, class };
    clade_text_add(&images->names, "%s/%s/%s", folder, class_name, name);
    clade_text_add_bytes(&images->names, "", 1);
    return images->names.failed ? clade_fail_memory(dataset->context, images->names.length, folder) : CLADE_OK;
}

/* The pictures of one class, of which SHARE (of TEST_EVERY; NULL: all) says whether they belong here. */
static clade_status add_class(clade_dataset *dataset, const char *folder, const char *name, int32_t class,
                              bool (*share)(int64_t index)) {
    clade_text path = { .context = dataset->context };
    clade_text_add(&path, "%s/%s", folder, name);
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    int64_t pictures = 0;
    clade_status status = path.failed ? clade_fail_memory(dataset->context, path.length, folder)
                                      : clade_folder_list(dataset->context, path.data, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        if (!is_picture(&entries[i])) continue;
        if (!share || share(pictures)) status = add_file(dataset, folder, name, entries[i].name, class);
        pictures++;
    }
    if (status == CLADE_OK && pictures == 0)
        status = clade_fail(dataset->context, CLADE_ERROR_INPUT, "%s: holds no picture (.jpg, .jpeg, .png)", path.data);
    clade_folder_free(dataset->context, entries, count);
    clade_text_free(&path);
    return status;
}

static bool is_of_test(int64_t index) {
    return index % TEST_EVERY == TEST_EVERY - 1;
}

static bool is_of_training(int64_t index) {
    return !is_of_test(index);
}

/* The names of the classes: of the folders in FOLDER, in order. */
static clade_status list_classes(clade_context *context, const char *folder, clade_text *names, int64_t *classes) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    clade_status status = clade_folder_list(context, folder, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        if (!is_class(&entries[i])) continue;
        clade_text_add_bytes(names, entries[i].name, strlen(entries[i].name) + 1);
        ++*classes;
    }
    clade_folder_free(context, entries, count);
    if (status == CLADE_OK && names->failed) status = clade_fail_memory(context, names->length, folder);
    if (status == CLADE_OK && (*classes == 0 || *classes > MOST_CLASSES))
        status = clade_fail(context, CLADE_ERROR_INPUT,
                            "%s: holds %" PRId64 " folders; a folder of pictures for each class is needed", folder,
                            *classes);
    return status;
}

/* The pictures of FOLDER's classes. A folder that is none of the classes is refused, an absent one is an empty class.
 * */
static clade_status add_classes(clade_dataset *dataset, const char *folder, bool (*share)(int64_t index)) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    clade_status status = clade_folder_list(dataset->context, folder, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        if (!is_class(&entries[i])) continue;
        const int64_t class = clade_dataset_find_class(dataset, entries[i].name);
        status = class < 0
                     ? clade_fail(dataset->context, CLADE_ERROR_INPUT,
                                  "%s: a class '%s', which the training pictures do not have", folder, entries[i].name)
                     : add_class(dataset, folder, entries[i].name, (int32_t) class, share);
    }
    if (status == CLADE_OK && dataset->info.count == 0)
        status = clade_fail(dataset->context, CLADE_ERROR_INPUT, "%s: holds no %s pictures", folder,
                            share == is_of_test ? "test" : "training");
    clade_folder_free(dataset->context, entries, count);
    return status;
}

/* ---- opening ---- */

/* Sizes that are still open become those of the first picture. */
static clade_status settle_size(clade_dataset *dataset, struct wish *wish) {
    clade_picture picture = { 0 };
    clade_status status = CLADE_OK;
    if (wish->channels == 0 || wish->height == 0) {
        status = decode(dataset->context, path_of(dataset->data, 0), NULL, &picture);
        if (wish->channels == 0) wish->channels = picture.channels;
        if (wish->height == 0) {
            wish->height = picture.height;
            wish->width = picture.width;
        }
    }
    clade_picture_free(dataset->context, &picture);
    if (status == CLADE_OK && (wish->height > MOST_SIDE || wish->width > MOST_SIDE))
        status = clade_fail(dataset->context, CLADE_ERROR_INPUT,
                            "%s: pictures of %" PRId64 "x%" PRId64 "; give a size of at most %d: %s",
                            dataset->info.name, wish->height, wish->width, MOST_SIDE, USAGE);
    dataset->info.channels = wish->channels;
    dataset->info.height = wish->height;
    dataset->info.width = wish->width;
    return status;
}

/* PART is "train" or "test"; CLASSES the names as list_classes() gives them. */
static clade_status open_part(clade_context *context, const char *word, const char *part, const char *root,
                              bool divided, const clade_text *names, int64_t classes, struct wish *wish,
                              clade_dataset **dataset) {
    const bool training = strcmp(part, "train") == 0;
    clade_text folder = { .context = context };
    clade_status status = clade_dataset_new(context, &source, word, part, sizeof(struct images), dataset);
    if (status != CLADE_OK) return status;
    struct images *images = (*dataset)->data;
    images->names.context = context;
    (*dataset)->reading_threads = READING_THREADS;
    if (training) (*dataset)->augmentation = wish->augmentation;
    status = clade_dataset_name_classes(*dataset, names->data, classes);
    clade_text_add(&folder, "%s%s%s", root, divided ? "/" : "", divided ? part : "");
    if (status == CLADE_OK && folder.failed) status = clade_fail_memory(context, strlen(root), root);
    if (status == CLADE_OK)
        status = add_classes(*dataset, folder.data, divided ? NULL : training ? is_of_training : is_of_test);
    if (status == CLADE_OK) status = settle_size(*dataset, wish);
    clade_text_free(&folder);
    if (status != CLADE_OK) return status;
    const size_t pixels = (size_t)(wish->channels * wish->height * wish->width);
    return clade_sample_cache_open(context, (*dataset)->info.count, pixels, CACHE_BYTES, &images->cache);
}

static bool read_size(const char *value, struct wish *wish) {
    const char *by = strchr(value, 'x');
    char height[16] = "";
    if (!by || by - value >= (int)sizeof height) return false;
    memcpy(height, value, (size_t)(by - value));
    return clade_spec_number(height, 1, MOST_SIDE, &wish->height) &&
           clade_spec_number(by + 1, 1, MOST_SIDE, &wish->width);
}

static clade_status read_options(clade_context *context, const char *word, clade_spec *spec, struct wish *wish) {
    const char *option, *value;
    while (clade_spec_next(spec, &option, &value)) {
        if (strcmp(option, "size") == 0 && read_size(value, wish)) continue;
        if (strcmp(option, "grey") == 0 && !*value) {
            wish->channels = 1;
        } else if (strcmp(option, "colour") == 0 && !*value) {
            wish->channels = 3;
        } else if (!clade_augmentation_option(option, value, &wish->augmentation)) {
            return clade_spec_unknown(context, word, option, value, USAGE);
        }
    }
    return CLADE_OK;
}

clade_status clade_images_open(clade_context *context, const char *word, const char *rest, const int64_t size[3],
                               clade_dataset **train, clade_dataset **test) {
    clade_spec spec;
    clade_text names = { .context = context }, folder = { .context = context };
    int64_t classes = 0;
    struct wish wish = { 0 };
    clade_status status = clade_spec_open(context, word, rest, USAGE, &spec);
    if (size) wish = (struct wish){ .channels = size[0], .height = size[1], .width = size[2] };
    if (status == CLADE_OK) status = read_options(context, word, &spec, &wish);
    if (status == CLADE_OK && wish.channels != 0 && wish.channels != 1 && wish.channels != 3)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: pictures have 1 or 3 channels, not %" PRId64, word,
                            wish.channels);
    if (status != CLADE_OK) goto end;
    clade_text_add(&folder, "%s/train", spec.path);
    if (folder.failed) {
        status = clade_fail_memory(context, strlen(spec.path), spec.path);
        goto end;
    }
    const bool divided = clade_file_is_folder(folder.data);
    status = list_classes(context, divided ? folder.data : spec.path, &names, &classes);
    if (status == CLADE_OK && train)
        status = open_part(context, word, "train", spec.path, divided, &names, classes, &wish, train);
    if (status == CLADE_OK && test)
        status = open_part(context, word, "test", spec.path, divided, &names, classes, &wish, test);
end:
    clade_text_free(&names);
    clade_text_free(&folder);
    clade_spec_free(context, &spec);
    return status;
}
