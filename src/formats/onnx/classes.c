/* Names of classes in an ONNX file: its metadata "classes", a name a line. The format has no place of its own for them. */
#include "formats/onnx/message.h"
#include "formats/onnx/state.h"

#include <string.h>

static const char key[] = "classes";

/* ---- reading ---- */

clade_status clade_onnx_read_classes(clade_onnx *network, const Onnx__ModelProto *model) {
    const char *text = NULL;
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key != NULL && strcmp(entry->key, key) == 0) text = entry->value;
    }
    if (text == NULL) return CLADE_OK;
    network->classes = clade_arena_string(&network->arena, text);
    if (network->classes == NULL) return clade_fail_memory(network->context, strlen(text), "names of classes");
    network->class_count = 1;
    for (char *letter = network->classes; *letter != '\0'; letter++) {
        if (*letter == '\n') {
            *letter = '\0';
            network->class_count++;
            continue;
        }
        if ((unsigned char)*letter < ' ') *letter = ' ';
    }
    return CLADE_OK;
}

const char *clade_onnx_class(const clade_onnx *network, int64_t class_number) {
    const char *name = network->classes;
    if (class_number < 0 || class_number >= network->class_count) return NULL;
    for (int64_t i = 0; i < class_number; i++)
        name += strlen(name) + 1;
    return name;
}

/* ---- writing ---- */

/* NAMES with line ends between; a name's own become spaces. */
static char *joined(clade_onnx_export *export, const char *const *names, size_t count) {
    size_t length = 1;
    for (size_t i = 0; i < count; i++)
        length += strlen(names[i]) + 1;
    char *text = clade_export_memory(export, length, 1), *at = text;
    for (size_t i = 0; i < count && text != NULL; i++) {
        if (i > 0) *at++ = '\n';
        for (const char *letter = names[i]; *letter != '\0'; letter++)
            *at++ = *letter;
        for (char *letter = at - strlen(names[i]); letter < at; letter++)
            if (*letter == '\n') *letter = ' ';
    }
    return text;
}

void clade_export_classes(clade_onnx_export *export, const char *const *names, size_t count) {
    if (count == 0) return;
    Onnx__StringStringEntryProto *entry = clade_export_memory(export, 1, sizeof *entry);
    char *text = joined(export, names, count);
    if (entry == NULL || text == NULL) return;
    onnx__string_string_entry_proto__init(entry);
    entry->key = (char *)(uintptr_t)key;
    entry->value = text;
    clade_export_append(export, &export->metadata, entry);
}
