/* The kernels inside the library: every file of kernels/ as text, written at build by cmake/embed_kernels.cmake. */
#ifndef CLADE_DEVICE_EMBEDDED_H
#define CLADE_DEVICE_EMBEDDED_H

typedef struct clade_embedded_kernel {
    const char *name; /* the file's name, without a folder: "pool.cl", "philox.h" */
    const char *text;
} clade_embedded_kernel;

/* In the order of their names; a row with a NULL name ends the table. */
extern const clade_embedded_kernel clade_embedded_kernels[];

#endif
