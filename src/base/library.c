/* Shared libraries, over dlopen (POSIX). */
#include "base/library.h"

#include <dlfcn.h>

bool clade_library_open(clade_context *context, const char *name, clade_library *library, char **why) {
    library->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library->handle != NULL) return true;
    const char *words = dlerror();
    if (why != NULL) *why = clade_duplicate(context, words != NULL ? words : "unknown reason");
    return false;
}

void *clade_library_symbol(const clade_library *library, const char *symbol) {
    return dlsym(library->handle, symbol);
}
