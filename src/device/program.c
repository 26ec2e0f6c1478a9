/* Programs of a device: compiled at first need, kept in memory for the device's life and on disk across runs.
 *
 * A program is looked for in memory, then on disk, then compiled. Whatever is wrong with a disk entry, up to a binary
 * that the driver loads but will not build, ends in compiling from source. Kernel files are taken not to change while a
 * device is open: one that is in memory is found by its name, without reading and hashing the text again. */
#include "device/state.h"

#include "base/arena.h"
#include "base/text.h"

#include <string.h>

typedef struct program {
    clade_program_key key;
    const char *file, *options; /* in kernels/, NULL for a generated source; as asked for */
    cl_program program;
    bool unsaved; /* compiled here, and there is a folder to save it in */
} program;

struct clade_programs {
    char *identity; /* device, driver and platform in words: part of every key */
    char *folder;   /* NULL: no disk cache */
    program *list;
    size_t count, capacity;
    clade_arena names;
    clade_program_statistics statistics;
};

/* OpenCL C 1.2 is what every vendor compiles. Nothing else is added: PoCL refuses even -Wall. */
static const char always[] = "-cl-std=CL1.2";

/* Everything about device, driver and platform that may change what a program compiles to. */
static clade_status read_identity(clade_device *device, char **identity) {
    char vendor[256], version[256], platform_version[256] = "";
    cl_int code = clade_device_text(device->opencl, device->id, CL_DEVICE_VENDOR, vendor, sizeof vendor);
    if (code == CL_SUCCESS)
        code = clade_device_text(device->opencl, device->id, CL_DEVICE_VERSION, version, sizeof version);
    if (code == CL_SUCCESS)
        code = clade_cl_GetPlatformInfo(device->opencl, device->platform, CL_PLATFORM_VERSION,
                                        sizeof platform_version - 1, platform_version, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for the versions of %s", device->name);
    clade_text text = { .context = device->context };
    clade_text_add(&text, "clade %s\n%s\n%s\n%s\n%s\n%s\n%s", clade_version(), device->name, vendor, device->driver,
                   version, device->platform_name, platform_version);
    *identity = text.failed ? NULL : clade_duplicate(device->context, clade_text_get(&text));
    clade_text_free(&text);
    return *identity != NULL ? CLADE_OK : clade_fail_memory(device->context, 256, "the device's identity");
}

clade_status clade_programs_new(clade_device *device) {
    clade_context *context = device->context;
    device->programs = clade_allocate(context, 1, sizeof *device->programs);
    if (device->programs == NULL) return clade_fail_memory(context, sizeof *device->programs, "the programs");
    device->programs->folder = clade_program_cache_folder(context);
    device->programs->names.context = context;
    return read_identity(device, &device->programs->identity);
}

void clade_programs_free(clade_device *device) {
    struct clade_programs *programs = device->programs;
    if (programs == NULL) return;
    for (size_t i = 0; i < programs->count; i++)
        clade_cl_ReleaseProgram(device->opencl, programs->list[i].program);
    clade_arena_clear(&programs->names);
    clade_free(device->context, programs->list);
    clade_free(device->context, programs->folder);
    clade_free(device->context, programs->identity);
    clade_free(device->context, programs);
    device->programs = NULL;
}

clade_program_statistics clade_device_programs(const clade_device *device) {
    return device->programs->statistics;
}

/* ---- building ---- */

static clade_status fail_with_log(clade_device *device, cl_program made, const char *title, const char *options) {
    size_t bytes = 0;
    char *log = NULL;
    if (clade_cl_GetProgramBuildInfo(device->opencl, made, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) ==
        CL_SUCCESS)
        log = clade_allocate(device->context, bytes + 1, 1);
    if (log != NULL)
        clade_cl_GetProgramBuildInfo(device->opencl, made, device->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    clade_status status = clade_fail(
        device->context, CLADE_ERROR_COMPILE, "kernel file %s does not compile with \"%s\" on %s (%s %s)%s%s", title,
        options, device->name, device->platform_name, device->driver,
        log != NULL && log[0] != '\0' ? ":\n" : "; the driver left no log", log != NULL ? log : "");
    clade_free(device->context, log);
    return status;
}

static bool is_refusal(cl_int code) {
    return code == CL_BUILD_PROGRAM_FAILURE || code == CL_INVALID_BUILD_OPTIONS;
}

/* Creates and compiles *MADE, which is NULL where it could not be created; CODE says how the compiling went. */
static clade_status compile(clade_device *device, const char *title, const char *source, const char *options,
                            cl_program *made, cl_int *code) {
    *made = clade_cl_CreateProgramWithSource(device->opencl, device->cl_context, 1, &source, NULL, code);
    if (*code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clCreateProgramWithSource", *code, "for %s", title);
    *code = clade_cl_BuildProgram(device->opencl, *made, 1, &device->id, options, NULL, NULL);
    return CLADE_OK;
}

/* A refusal is asked for once more: PoCL (3.1 at least) now and then refuses a program that another process compiles at the
 * same moment, as both write its cache. */
static clade_status build_source(clade_device *device, const char *title, const char *source, const char *options,
                                 cl_program *out) {
    cl_int code = CL_SUCCESS;
    cl_program made = NULL;
    clade_status status = compile(device, title, source, options, &made, &code);
    if (status == CLADE_OK && is_refusal(code)) {
        clade_cl_ReleaseProgram(device->opencl, made);
        status = compile(device, title, source, options, &made, &code);
    }
    if (status != CLADE_OK) return status;
    if (code == CL_SUCCESS) {
        *out = made;
        return CLADE_OK;
    }
    status = is_refusal(code) ? fail_with_log(device, made, title, options)
                              : clade_opencl_fail(device->context, "clBuildProgram", code, "for %s", title);
    clade_cl_ReleaseProgram(device->opencl, made);
    return status;
}

/* NULL when the driver does not take the binary. */
static cl_program build_binary(clade_device *device, const unsigned char *binary, size_t bytes, const char *options) {
    cl_int code = CL_SUCCESS, state = CL_SUCCESS;
    cl_program made = clade_cl_CreateProgramWithBinary(device->opencl, device->cl_context, 1, &device->id, &bytes,
                                                       &binary, &state, &code);
    if (code == CL_SUCCESS && state == CL_SUCCESS)
        code = clade_cl_BuildProgram(device->opencl, made, 1, &device->id, options, NULL, NULL);
    if (code == CL_SUCCESS && state == CL_SUCCESS) return made;
    if (made != NULL) clade_cl_ReleaseProgram(device->opencl, made);
    return NULL;
}

static cl_program load(clade_device *device, const clade_program_key *key, const char *options) {
    struct clade_programs *programs = device->programs;
    unsigned char *binary = NULL;
    size_t bytes = 0;
    bool damaged = false;
    cl_program made = NULL;
    if (programs->folder == NULL) return NULL;
    if (clade_program_cache_load(device->context, programs->folder, key, &binary, &bytes, &damaged)) {
        made = build_binary(device, binary, bytes, options);
        damaged = made == NULL;
    }
    if (damaged) programs->statistics.rebuilt++;
    clade_free(device->context, binary);
    return made;
}

/* ---- saving ---- */

static void save(clade_device *device, const program *saved) {
    clade_opencl *opencl = device->opencl;
    size_t bytes = 0;
    cl_int code = clade_cl_GetProgramInfo(opencl, saved->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL);
    if (code != CL_SUCCESS || bytes == 0) return;
    unsigned char *binary = clade_allocate(device->context, bytes, 1);
    if (binary == NULL) return;
    code = clade_cl_GetProgramInfo(opencl, saved->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL);
    if (code == CL_SUCCESS)
        clade_program_cache_store(device->context, device->programs->folder, &saved->key, binary, bytes);
    clade_free(device->context, binary);
}

void clade_programs_save(clade_device *device) {
    struct clade_programs *programs = device->programs;
    for (size_t i = 0; programs != NULL && i < programs->count; i++)
        if (programs->list[i].unsaved) save(device, &programs->list[i]);
}

/* ---- finding ---- */

/* Adds NEW_ONE, whose program is released when that fails. */
static clade_status keep(clade_device *device, program new_one) {
    struct clade_programs *programs = device->programs;
    if (programs->count == programs->capacity) {
        size_t capacity = programs->capacity > 0 ? 2 * programs->capacity : 16;
        program *grown = clade_reallocate(device->context, programs->list, capacity, sizeof *grown);
        if (grown == NULL) {
            clade_cl_ReleaseProgram(device->opencl, new_one.program);
            return clade_fail_memory(device->context, capacity * sizeof *grown, "the programs");
        }
        programs->list = grown;
        programs->capacity = capacity;
    }
    /* Without its name, when memory is short, it is found by its key. */
    if (new_one.file != NULL) new_one.file = clade_arena_string(&programs->names, new_one.file);
    new_one.options = clade_arena_string(&programs->names, new_one.options);
    if (new_one.options == NULL) new_one.file = NULL;
    programs->list[programs->count++] = new_one;
    return CLADE_OK;
}

/* The program in memory of kernels/FILE with OPTIONS, or NULL. */
static cl_program find_file(clade_device *device, const char *file, const char *options) {
    struct clade_programs *programs = device->programs;
    for (size_t i = 0; i < programs->count; i++) {
        const program *held = &programs->list[i];
        if (held->file == NULL || strcmp(held->file, file) != 0 || strcmp(held->options, options) != 0) continue;
        programs->statistics.from_memory++;
        return held->program;
    }
    return NULL;
}

/* The program of SOURCE, which is FILE's text where FILE is not NULL. */
static clade_status find(clade_device *device, const char *file, const char *title, const char *source,
                         const char *options, cl_program *out) {
    struct clade_programs *programs = device->programs;
    const clade_program_key key = clade_program_key_of(programs->identity, source, options);
    for (size_t i = 0; i < programs->count; i++) {
        if (memcmp(&programs->list[i].key, &key, sizeof key) != 0) continue;
        programs->statistics.from_memory++;
        *out = programs->list[i].program;
        return CLADE_OK;
    }
    cl_program made = load(device, &key, options);
    bool compile = made == NULL;
    if (compile) {
        clade_status status = build_source(device, title, source, options, &made);
        if (status != CLADE_OK) return status;
        programs->statistics.compiled++;
    } else {
        programs->statistics.from_disk++;
    }
    *out = made;
    return keep(device, (program){ .key = key,
                                   .file = file,
                                   .options = options,
                                   .program = made,
                                   .unsaved = compile && programs->folder != NULL });
}

/* The program of kernels/FILE, from memory without a look at its text. */
static clade_status find_by_file(clade_device *device, const char *file, const char *options, cl_program *out) {
    *out = find_file(device, file, options);
    if (*out != NULL) return CLADE_OK;
    char *source = NULL;
    clade_status status = clade_kernel_source(device->context, file, &source);
    if (status == CLADE_OK) status = find(device, file, file, source, options, out);
    clade_free(device->context, source);
    return status;
}

/* A kernel of FILE, or of SOURCE where FILE is NULL. */
static clade_status make_kernel(clade_device *device, const char *file, const char *title, const char *source,
                                const char *options, const char *kernel, cl_kernel *out) {
    cl_program made = NULL;
    cl_int code = CL_SUCCESS;
    clade_text all = { .context = device->context };
    *out = NULL;
    clade_text_add(&all, "%s%s%s", always, options != NULL && options[0] != '\0' ? " " : "",
                   options != NULL ? options : "");
    clade_status status = all.failed     ? clade_fail_memory(device->context, all.length, "a program's options")
                          : file != NULL ? find_by_file(device, file, clade_text_get(&all), &made)
                                         : find(device, NULL, title, source, clade_text_get(&all), &made);
    if (status == CLADE_OK) {
        *out = clade_cl_CreateKernel(device->opencl, made, kernel, &code);
        if (code != CL_SUCCESS)
            status = clade_opencl_fail(device->context, "clCreateKernel", code, "for kernel %s of %s with \"%s\"",
                                       kernel, title, clade_text_get(&all));
    }
    clade_text_free(&all);
    return status;
}

clade_status clade_program_kernel(clade_device *device, const char *file, const char *options, const char *kernel,
                                  cl_kernel *out) {
    return make_kernel(device, file, file, NULL, options, kernel, out);
}

clade_status clade_program_generated(clade_device *device, const char *title, const char *source, const char *options,
                                     const char *kernel, cl_kernel *out) {
    return make_kernel(device, NULL, title, source, options, kernel, out);
}
