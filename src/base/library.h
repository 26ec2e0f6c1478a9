/* Shared libraries loaded at run time: OpenCL and CLBlast. */
#ifndef CLADE_BASE_LIBRARY_H
#define CLADE_BASE_LIBRARY_H

#include "base/context.h"

typedef struct clade_library {
    void *handle;
} clade_library;

/* Loads the library NAME ("libOpenCL.so.1", or a path); NULL stands for what the process has loaded already. On failure *WHY, when not NULL, gets the loader's words, copied
 * into memory of the context that the caller frees with clade_free() (NULL when memory is short). There is no closing:
 * drivers leave threads running in their code, which must stay mapped until the process ends. */
bool clade_library_open(clade_context *context, const char *name, clade_library *library, char **why);
/* The address of SYMBOL, or NULL. Copy it into a function pointer with memcpy(). */
void *clade_library_symbol(const clade_library *library, const char *symbol);

#endif
