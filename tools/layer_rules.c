#include "layer_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* WORD is "STATES=RATE"; it is cut in two. */
static bool read_rule(char *word, clade_layer_rule *rule) {
    char *sign = strchr(word, '='), *end = NULL;
    if (sign == NULL || sign == word || sign[1] == '\0') return false;
    *sign = '\0';
    const double rate = strtod(sign + 1, &end);
    *rule = (clade_layer_rule){ .states = word, .rate = rate, .frozen = rate == 0 };
    return *end == '\0' && rate >= 0 && isfinite(rate);
}

bool read_layer_rules(const char *text, layer_rules *rules) {
    rules->count = 0;
    if (strlen(text) >= sizeof rules->text) return false;
    strcpy(rules->text, text);
    for (char *word = rules->text; word != NULL;) {
        char *comma = strchr(word, ',');
        if (comma != NULL) *comma++ = '\0';
        if (rules->count == LAYER_RULES_MOST || !read_rule(word, &rules->list[rules->count])) return false;
        rules->count++;
        word = comma;
    }
    return true;
}
