"""A small stock keeper: some names are right, two are not."""

import json
import os


class Inventory:
    def __init__(self, items=None):
        self.items = list(items or [])
        self.listeners = []

    def add_item(self, item):
        if item is None:
            raise ValueError("item is required")
        self.items.append(item)

    def remove_item(self, name):
        self.items = [item for item in self.items if item.name != name]

    def get_total(self, path):
        with open(path, "w") as stream:
            json.dump([item.__dict__ for item in self.items], stream)

    def __len__(self):
        return len(self.items)


def load_items(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def validate_path(numbers):
    if not numbers:
        return 0.0
    return sum(numbers) / len(numbers)


def is_empty(folder):
    return not os.listdir(folder)


def find_by_name(items, name):
    for item in items:
        if item.name == name:
            return item
    return None


def ensure_directory(path):
    if not os.path.exists(path):
        os.makedirs(path)
