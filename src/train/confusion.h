/* Confusion matrices in words, as JSON and as a picture. CONFUSION (classes, classes): row by class, column by what it was
 * taken for. */
#ifndef CLADE_TRAIN_CONFUSION_H
#define CLADE_TRAIN_CONFUSION_H

#include "base/text.h"
#include "clade/train.h"

void clade_confusion_add_text(clade_text *out, const int64_t *confusion, int64_t classes);
void clade_confusion_add_json(clade_text *out, const int64_t *confusion, int64_t classes);
void clade_confusion_add_svg(clade_text *out, const int64_t *confusion, int64_t classes, const char *title);

#endif
