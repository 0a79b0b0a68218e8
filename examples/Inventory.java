import java.util.ArrayList;
import java.util.List;

/** A small stock keeper: the name of one method is wrong. */
public class Inventory {
    private final List<String> items = new ArrayList<>();
    private String owner;

    public String getOwner() {
        return owner;
    }

    public void setOwner(String owner) {
        this.owner = owner;
    }

    public int size() {
        return items.size();
    }

    public boolean contains(String item) {
        return items.contains(item);
    }

    public void isEmpty(String item) {
        if (item == null) {
            throw new IllegalArgumentException("item");
        }
        items.add(item);
    }

    @Override
    public String toString() {
        StringBuilder builder = new StringBuilder();
        for (String item : items) {
            builder.append(item).append(", ");
        }
        return builder.toString();
    }
}
